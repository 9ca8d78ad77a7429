import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisUnreachable

from cli.embedded.server import start_server
from cli.embedded.valkey import prepare_valkey
from cli.processes import stop
from shared.bus import tick_log
from shared.bus.announcements import PositionAnnouncements, PositionChange, announce_positions
from shared.bus.connection import connect_redis
from shared.bus.heartbeat import Heartbeat, read_heartbeats
from shared.bus.publisher import FencedPublisher, SourceLease, TickPublisher, UnansweredBatch
from shared.bus.queues import clear_wake, connect_queue, wake_recorder_workers
from shared.bus.tick_subscription import TickSubscription
from shared.domain.places import SEQUENCE_BITS, place_from_stream_id, stream_id
from shared.domain.quotes import Gap, Quote, Roll
from shared.domain.ticks import GapMark, LogEntry, PriceTick, RollMark

WITHIN_SECONDS = 10.0
Y2K = 946_684_800_000_000_000


def quote(price: int | str, symbol: str = "MNQ1!", occurred_at: int = Y2K) -> Quote:
    return Quote(symbol=symbol, occurred_at=occurred_at, price=Decimal(price))


def claimed(client: Redis, *, instance: str = "one", retention_seconds: int = 3600) -> TickPublisher:
    epoch = SourceLease(client, "test", instance).claim()
    assert epoch is not None
    return TickPublisher(client, source="test", epoch=epoch, retention_seconds=retention_seconds)


@pytest.fixture
def publisher(redis_client: Redis) -> TickPublisher:
    return claimed(redis_client)


@pytest.fixture
def subscription(redis_url: str, publisher: TickPublisher) -> Iterator[TickSubscription]:
    """One that follows a log from behind its first entry."""
    with TickSubscription(redis_url, {"MNQ1!": begun(publisher)}) as following:
        yield following


def begun(publisher: TickPublisher, symbol: str = "MNQ1!") -> int:
    """Begin a symbol's log; the place of its first entry, which says that nothing is known before it."""
    return publisher.mark_gap(symbol, Decimal(1), Y2K)


def followed(subscription: TickSubscription, enough: Callable[[list[LogEntry]], bool]) -> list[LogEntry]:
    """Everything the subscription brings until it is enough."""
    entries: list[LogEntry] = []
    deadline = time.monotonic() + WITHIN_SECONDS
    while not enough(entries):
        assert time.monotonic() < deadline, f"only {len(entries)} entries came"
        entries += subscription.next_batch(0.05)
    return entries


def followed_to(subscription: TickSubscription, place: int) -> list[LogEntry]:
    return followed(subscription, lambda entries: bool(entries) and entries[-1].place == place)


class TestAppending:
    def test_what_is_published_is_read_back_exactly(self, redis_client: Redis, publisher: TickPublisher) -> None:
        start = begun(publisher)
        first = publisher.publish("MNQ1!", Decimal("21500.250"), Y2K + 1, Decimal(21500), None, Decimal("1E+1"))
        second = publisher.mark_gap("MNQ1!", Decimal("4.5"), Y2K + 2)
        (third,) = publisher.append([Roll(symbol="MNQ1!", occurred_at=Y2K + 3, difference=Decimal("-150.250"))])
        assert tick_log.read_entries(redis_client, "MNQ1!", after=start) == [
            PriceTick(
                symbol="MNQ1!",
                place=first,
                occurred_at=Y2K + 1,
                price=Decimal("21500.25"),
                bid=Decimal(21500),
                size=Decimal(10),
            ),
            GapMark(symbol="MNQ1!", place=second, occurred_at=Y2K + 2, gap_seconds=Decimal("4.5")),
            RollMark(symbol="MNQ1!", place=third, occurred_at=Y2K + 3, difference=Decimal("-150.25")),
        ]

    def test_a_roll_is_published_as_it_is_stored_and_moves_the_last_price(
        self, redis_client: Redis, publisher: TickPublisher, subscription: TickSubscription
    ) -> None:
        publisher.publish("MNQ1!", Decimal(20000), Y2K)
        (place,) = publisher.append([Roll(symbol="MNQ1!", occurred_at=Y2K + 1, difference=Decimal("200.5"))])
        mark = RollMark(symbol="MNQ1!", place=place, occurred_at=Y2K + 1, difference=Decimal("200.5"))
        assert followed_to(subscription, place)[-1] == mark
        heads = tick_log.read_heads(redis_client)
        assert (heads.place, heads.ticks["MNQ1!"].price) == (place, Decimal("20200.5"))

    def test_what_a_roll_says_of_the_contract_is_known_with_it_and_stays_until_the_next_one(
        self, redis_client: Redis, publisher: TickPublisher
    ) -> None:
        assert tick_log.read_heads(redis_client).contracts == {}
        roll = Roll(symbol="MNQ1!", occurred_at=Y2K, difference=Decimal(0), contract="MNQZ2026")
        publisher.append([roll, quote(1)])
        publisher.append([quote(2), replace(roll, contract=None)])
        assert tick_log.read_heads(redis_client).contracts == {"MNQ1!": "MNQZ2026"}
        assert tick_log.read_heads(redis_client).ticks.keys() == {"MNQ1!"}
        publisher.append([replace(roll, contract="MNQH2027")])
        assert tick_log.read_heads(redis_client).contracts == {"MNQ1!": "MNQH2027"}

    def test_of_one_batch_the_last_price_counts_and_the_rolls_behind_it(
        self, redis_client: Redis, publisher: TickPublisher
    ) -> None:
        roll, other = (Roll(symbol=name, occurred_at=Y2K, difference=Decimal(5)) for name in ("MNQ1!", "MES1!"))
        *_, last, _, _ = publisher.append([quote(90), roll, quote(100), roll, other])
        head = tick_log.read_heads(redis_client).ticks
        assert head == {"MNQ1!": PriceTick(symbol="MNQ1!", place=last, occurred_at=Y2K, price=Decimal(105))}

    def test_places_rise_strictly_over_all_symbols(self, redis_client: Redis, publisher: TickPublisher) -> None:
        batch = [quote(number, symbol) for number in range(50) for symbol in ("MNQ1!", "MES1!")]
        start = begun(publisher, "MES1!")
        places = publisher.append(batch) + publisher.append(batch)
        assert places == sorted(set(places))
        assert tick_log.last_place(redis_client) == places[-1]
        assert [entry.place for entry in tick_log.read_entries(redis_client, "MES1!", after=start)] == places[1::2]

    def test_places_rise_even_if_the_clock_of_redis_goes_back(
        self, redis_client: Redis, publisher: TickPublisher
    ) -> None:
        begun(publisher)
        ahead = f"{int(time.time() * 1000) + 3_600_000}-{(1 << SEQUENCE_BITS) - 2}"
        redis_client.hset(tick_log.HEADS, "place", ahead)
        places = publisher.append([quote(1), quote(2), quote(3)])
        assert [place - place_from_stream_id(ahead) for place in places] == [1, 2, 3]
        assert stream_id(places[1]).endswith("-0")

    def test_a_batch_without_an_answer_is_appended_once(self, redis_client: Redis, publisher: TickPublisher) -> None:
        publisher.append([quote(1)])
        places = appended_without_answer(publisher, redis_client, [quote(2), quote(3)])
        assert publisher.append_again([quote(2), quote(3)]) == places
        publisher.append([quote(4)])
        assert [entry.price for entry in ticks(redis_client)] == [1, 2, 3, 4]

    def test_a_batch_that_never_arrived_is_appended_with_what_was_put_before_it(
        self, redis_client: Redis, publisher: TickPublisher
    ) -> None:
        start = begun(publisher)
        with pytest.raises(RedisUnreachable):
            lost(publisher)
        with pytest.raises(UnansweredBatch):
            publisher.append([quote(2)])
        gap = Gap(symbol="MNQ1!", occurred_at=Y2K, gap_seconds=Decimal(9))
        assert len(publisher.append_again([gap, quote(1)])) == 2
        assert len(tick_log.read_entries(redis_client, "MNQ1!", after=start)) == 2

    def test_a_late_copy_of_an_earlier_batch_appends_nothing(
        self, redis_client: Redis, publisher: TickPublisher
    ) -> None:
        publisher.append([quote(1)])
        publisher.append([quote(2)])
        publisher._sequence = 0
        with pytest.raises(FencedPublisher):
            publisher.append([quote(1)])
        assert [entry.price for entry in ticks(redis_client)] == [1, 2]


class TestBeginning:
    def test_a_log_begins_with_the_mark_that_nothing_is_known_before(
        self, redis_client: Redis, publisher: TickPublisher
    ) -> None:
        places = publisher.append([quote(1, occurred_at=Y2K + 7), quote(2)])
        mark, *rest = tick_log.read_entries(redis_client, "MNQ1!", after=0)
        assert isinstance(mark, GapMark)
        assert mark.gap_seconds == pytest.approx(Decimal(time.time()), abs=WITHIN_SECONDS)
        assert (mark.occurred_at, mark.place < places[0]) == (Y2K + 7, True)
        assert [entry.place for entry in rest] == places
        publisher.append([quote(3)])
        assert marks(redis_client) == [mark]

    def test_each_symbol_of_a_batch_has_a_mark_of_its_own(self, redis_client: Redis, publisher: TickPublisher) -> None:
        places = publisher.append([quote(1), quote(2, "MES1!"), quote(3), quote(4, "MES1!")])
        logs = [tick_log.read_entries(redis_client, symbol, after=0) for symbol in ("MNQ1!", "MES1!")]
        assert [[type(entry) for entry in log] for log in logs] == [[GapMark, PriceTick, PriceTick]] * 2
        began = [log[0].place for log in logs]
        assert began[0] < places[0] < began[1] < places[1] < places[2] < places[3]
        assert tick_log.last_place(redis_client) == places[-1]

    def test_a_batch_that_is_sent_again_begins_its_log_once(
        self, redis_client: Redis, publisher: TickPublisher
    ) -> None:
        places = appended_without_answer(publisher, redis_client, [quote(1), quote(2)])
        before = tick_log.read_entries(redis_client, "MNQ1!", after=0)
        assert publisher.append_again([quote(1), quote(2)]) == places
        assert tick_log.read_entries(redis_client, "MNQ1!", after=0) == before
        assert [type(entry) for entry in before] == [GapMark, PriceTick, PriceTick]

    def test_a_gap_that_comes_first_is_the_beginning_itself(
        self, redis_client: Redis, publisher: TickPublisher
    ) -> None:
        gap = Gap(symbol="MNQ1!", occurred_at=Y2K, gap_seconds=Decimal("2.5"))
        places = publisher.append([gap, quote(1), gap])
        entries = tick_log.read_entries(redis_client, "MNQ1!", after=0)
        assert [entry.place for entry in entries] == places
        beginning, own = marks(redis_client)
        assert beginning.gap_seconds > Y2K // 10**9
        assert own.gap_seconds == Decimal("2.5")

    def test_who_follows_a_log_from_before_its_beginning_hears_the_mark(
        self, redis_client: Redis, redis_url: str, publisher: TickPublisher
    ) -> None:
        with TickSubscription(redis_url, {"MNQ1!": 0, "MES1!": 0}) as subscription:
            settle(subscription)
            subscription._compare_at = time.monotonic() + 60
            reads = reads_of_streams(redis_client)
            places = publisher.append(
                [quote(1), quote(2), Gap(symbol="MES1!", occurred_at=Y2K, gap_seconds=Decimal(3))]
            )
            came = followed(subscription, lambda entries: len(entries) == 4)
            assert reads_of_streams(redis_client) == reads
        in_stream = [tick_log.read_entries(redis_client, symbol, after=0) for symbol in ("MNQ1!", "MES1!")]
        assert sorted(came, key=lambda entry: entry.place) == in_stream[0] + in_stream[1]
        assert came[-1].place == places[-1]

    def test_each_message_names_the_entry_before_it_from_the_mark_on(
        self, redis_client: Redis, publisher: TickPublisher
    ) -> None:
        with redis_client.pubsub(ignore_subscribe_messages=True) as doorbell:
            doorbell.subscribe("ticks:MNQ1!")
            doorbell.get_message(timeout=WITHIN_SECONDS)
            publisher.append([quote(1), quote(2)])
            said = [doorbell.get_message(timeout=WITHIN_SECONDS)["data"].split(" ") for _ in range(3)]
        ids = [stream_id(entry.place) for entry in tick_log.read_entries(redis_client, "MNQ1!", after=0)]
        assert [message[:2] for message in said] == [[ids[0], "0-0"], [ids[1], ids[0]], [ids[2], ids[1]]]

    def test_a_log_of_which_retention_took_all_does_not_begin_anew(
        self, redis_client: Redis, publisher: TickPublisher
    ) -> None:
        publisher.append([quote(1)])
        redis_client.xtrim("ticks:MNQ1!", maxlen=0, approximate=False)
        place = publisher.append([quote(2)])[0]
        assert [entry.place for entry in tick_log.read_entries(redis_client, "MNQ1!", after=0)] == [place]

    def test_a_log_that_redis_lost_begins_anew_under_the_same_publisher(
        self, redis_client: Redis, publisher: TickPublisher
    ) -> None:
        lost_place = publisher.append([quote(1), quote(2)])[-1]
        time.sleep(0.002)  # places go by the clock of Redis
        redis_client.flushall()
        place = publisher.append([quote(3)])[0]
        mark, tick = tick_log.read_entries(redis_client, "MNQ1!", after=0)
        assert isinstance(mark, GapMark)
        assert lost_place < mark.place < tick.place == place


class TestFencing:
    def test_a_publisher_is_refused_once_another_has_taken_over(self, redis_client: Redis) -> None:
        old = claimed(redis_client)
        old.append([quote(1)])
        new = claimed(redis_client)
        with pytest.raises(FencedPublisher):
            old.append([quote(2)])
        new.append([quote(3)])
        assert [entry.price for entry in ticks(redis_client)] == [1, 3]

    def test_only_one_instance_holds_the_lease(self, redis_client: Redis) -> None:
        one, two = SourceLease(redis_client, "test", "one"), SourceLease(redis_client, "test", "two")
        epoch = one.claim()
        assert epoch is not None
        assert two.claim() is None
        one.release(epoch)
        deadline = time.monotonic() + WITHIN_SECONDS
        while (later := two.claim()) is None:
            assert time.monotonic() < deadline
        assert later > epoch
        with pytest.raises(FencedPublisher):
            one.renew(epoch)
        two.renew(later)

    def test_a_lease_lapses_when_it_is_not_renewed(self, redis_client: Redis) -> None:
        SourceLease(redis_client, "test", "one").claim()
        assert 0 < redis_client.pttl("ticks:lease:test") <= 3000

    def test_an_epoch_is_the_highest_even_if_redis_lost_what_it_knew(self, redis_client: Redis) -> None:
        old = claimed(redis_client)
        redis_client.flushall()
        new = claimed(redis_client)
        new.append([quote(1)])
        with pytest.raises(FencedPublisher):
            old.append([quote(2)])

    def test_sources_do_not_fence_each_other(self, redis_client: Redis, publisher: TickPublisher) -> None:
        SourceLease(redis_client, "other", "one").claim()
        publisher.append([quote(1)])


class TestReading:
    def test_heads_tell_the_last_price_tick_and_the_end_of_all_logs(
        self, redis_client: Redis, publisher: TickPublisher
    ) -> None:
        assert tick_log.read_heads(redis_client) == tick_log.Heads(place=0, ticks={})
        place = publisher.publish("MNQ1!", Decimal("-0.25"), Y2K)
        other = publisher.publish("MES1!", Decimal(0), Y2K + 1)
        end = publisher.mark_gap("MNQ1!", Decimal(3), Y2K + 2)
        last = PriceTick(symbol="MNQ1!", place=place, occurred_at=Y2K, price=Decimal("-0.25"))
        other_last = PriceTick(symbol="MES1!", place=other, occurred_at=Y2K + 1, price=Decimal(0))
        assert tick_log.read_heads(redis_client) == tick_log.Heads(
            place=end, ticks={"MNQ1!": last, "MES1!": other_last}
        )
        assert tick_log.read_heads(redis_client, ["MNQ1!", "CL1!"]) == tick_log.Heads(place=end, ticks={"MNQ1!": last})
        assert tick_log.last_entry_places(redis_client, ["MNQ1!", "CL1!"]) == (end, {"MNQ1!": end, "CL1!": 0})

    def test_the_last_price_at_a_place_is_moved_by_the_rolls_behind_the_tick_and_by_none_behind_the_place(
        self, redis_client: Redis, publisher: TickPublisher
    ) -> None:
        before = begun(publisher)
        roll = Roll(symbol="MNQ1!", occurred_at=Y2K, difference=Decimal("0.1"))
        places = publisher.append(
            [quote(100), roll, roll, *[Gap(symbol="MNQ1!", occurred_at=Y2K, gap_seconds=Decimal(1))] * 12, roll]
        )
        expected = [None, "100", "100.1", *["100.2"] * 13, "100.3"]
        for _ in ("from the log", "from the head alone"):
            found = [tick_log.last_price_at(redis_client, "MNQ1!", place) for place in [before, *places]]
            assert found == [None if price is None else Decimal(price) for price in expected]
            redis_client.delete("ticks:MNQ1!")
        publisher.append([quote(7)])
        assert tick_log.last_price_at(redis_client, "MNQ1!", places[-1]) is None

    def test_a_range_leaves_out_its_start_and_holds_its_end(
        self, redis_client: Redis, publisher: TickPublisher
    ) -> None:
        places = publisher.append([quote(number) for number in range(6)])
        read = tick_log.read_entries(redis_client, "MNQ1!", after=places[1], through=places[4])
        assert [entry.place for entry in read] == places[2:5]

    def test_a_range_of_several_pages_is_whole(self, redis_client: Redis, publisher: TickPublisher) -> None:
        size = tick_log.PAGE * 2 + 1
        start = begun(publisher)
        places = publisher.append([quote(number) for number in range(size)])
        assert [entry.place for entry in tick_log.read_entries(redis_client, "MNQ1!", after=start)] == places


class TestTrimming:
    def test_entries_go_when_they_are_older_than_the_retention_and_not_before(self, redis_client: Redis) -> None:
        publisher = claimed(redis_client, retention_seconds=3600)
        now = int(time.time() * 1000)
        too_old, young = f"{now - 3_700_000}-5", f"{now - 3_500_000}-0"
        for entry_id in (f"{now - 3_800_000}-0", too_old, young):
            redis_client.xadd("ticks:MNQ1!", {"p": "1", "t": "1"}, id=entry_id)
        redis_client.hset(tick_log.HEADS, mapping={"place": young, "MNQ1!:entry": young})
        assert tick_log.trimmed_through(redis_client, "MNQ1!") == 0
        place = publisher.append([quote(2)])[0]
        kept = [entry.place for entry in tick_log.read_entries(redis_client, "MNQ1!", after=0)]
        assert kept == [place_from_stream_id(young), place]
        assert tick_log.trimmed_through(redis_client, "MNQ1!") == place_from_stream_id(too_old)

    def test_nothing_young_ever_goes(self, redis_client: Redis) -> None:
        publisher = claimed(redis_client, retention_seconds=60)
        begun(publisher)
        for number in range(30):
            publisher.append([quote(number)] * 30)
        assert redis_client.xlen("ticks:MNQ1!") == 1 + 900


class TestFollowing:
    def test_entries_come_by_message_as_they_are_in_the_stream(
        self, redis_client: Redis, publisher: TickPublisher, subscription: TickSubscription
    ) -> None:
        before = publisher.append([quote(1), quote(2)])
        assert [entry.place for entry in followed_to(subscription, before[-1])] == before
        publisher.append([quote("3.50"), Gap(symbol="MNQ1!", occurred_at=5, gap_seconds=Decimal("1.5"))])
        after = publisher.append([quote(4)])
        came = followed_to(subscription, after[-1])
        assert came == tick_log.read_entries(redis_client, "MNQ1!", after=before[-1])

    def test_messages_ring_at_once_and_without_reading_the_stream(
        self, redis_client: Redis, publisher: TickPublisher, subscription: TickSubscription
    ) -> None:
        settle(subscription)
        subscription._compare_at = time.monotonic() + 60
        reads = reads_of_streams(redis_client)
        place = publisher.append([quote(number) for number in range(500)])[-1]
        assert len(followed_to(subscription, place)) == 500
        assert reads_of_streams(redis_client) == reads

    def test_a_symbol_is_followed_from_the_place_it_is_given_with(
        self, redis_url: str, publisher: TickPublisher
    ) -> None:
        places = publisher.append([quote(number) for number in range(5)])
        with TickSubscription(redis_url, {"MNQ1!": places[2]}) as subscription:
            assert [entry.place for entry in followed_to(subscription, places[-1])] == places[3:]

    def test_a_lost_message_in_the_middle_is_read_from_the_stream(
        self, redis_client: Redis, publisher: TickPublisher, subscription: TickSubscription
    ) -> None:
        settle(subscription)
        subscription._compare_at = time.monotonic() + 60
        places = [
            publisher.append([quote(1)])[0],
            append_silently(redis_client, "2"),
            append_silently(redis_client, "3"),
        ]
        places += publisher.append([quote(4), quote(5)])
        assert [entry.place for entry in followed_to(subscription, places[-1])] == places

    def test_a_lost_last_message_is_found_by_comparing(
        self, redis_client: Redis, publisher: TickPublisher, subscription: TickSubscription
    ) -> None:
        first = publisher.append([quote(1)])[0]
        followed_to(subscription, first)
        last = append_silently(redis_client, "2")
        assert [entry.place for entry in followed_to(subscription, last)] == [last]

    def test_what_came_while_it_was_cut_off_is_read_as_soon_as_it_listens_again(
        self, redis_client: Redis, publisher: TickPublisher, subscription: TickSubscription
    ) -> None:
        settle(subscription)
        subscription._compare_at = time.monotonic() + 60
        redis_client.client_kill_filter(_type="pubsub")
        place = publisher.append([quote(1)])[0]
        assert [entry.place for entry in followed_to(subscription, place)] == [place]

    def test_messages_that_come_twice_or_late_count_once(
        self, redis_client: Redis, publisher: TickPublisher, subscription: TickSubscription
    ) -> None:
        places = publisher.append([quote(1), quote(2)])
        settle(subscription)
        for place, previous in ((places[1], places[0]), (places[0], 0)):
            redis_client.publish("ticks:MNQ1!", f"{stream_id(place)} {stream_id(previous)} 1 1")
        last = publisher.append([quote(3)])[0]
        assert [entry.place for entry in followed_to(subscription, last)] == [last]

    def test_a_long_log_comes_in_bounded_batches(
        self, publisher: TickPublisher, subscription: TickSubscription, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shared.bus.tick_subscription.MOST_FROM_STREAM", 7)
        places = publisher.append([quote(number) for number in range(50)])
        batches = []
        while sum(map(len, batches)) < 50:
            batches.append(subscription.next_batch(0.05))
            assert subscription.complete_through == (places[-1] if sum(map(len, batches)) == 50 else 0)
        assert max(map(len, batches)) == 7
        assert [entry.place for batch in batches for entry in batch] == places
        settle(subscription)
        assert subscription.complete_through == places[-1]

    def test_it_says_through_which_place_it_is_complete_though_its_symbols_are_quiet(
        self, publisher: TickPublisher, subscription: TickSubscription
    ) -> None:
        publisher.append([quote(1)])
        end = publisher.append([quote(1, "MES1!")])[0]
        deadline = time.monotonic() + WITHIN_SECONDS
        while subscription.complete_through < end:
            assert time.monotonic() < deadline
            assert all(entry.symbol == "MNQ1!" for entry in subscription.next_batch(0.05))

    def test_symbols_change_while_it_runs(self, publisher: TickPublisher, subscription: TickSubscription) -> None:
        settle(subscription)
        start = begun(publisher, "CL1!")
        early = publisher.append([quote(1), quote(1, "MES1!"), quote(2, "MES1!"), quote(3, "CL1!")])
        subscription.set_symbols({"MES1!": early[1], "CL1!": start})
        came = followed(subscription, lambda entries: len(entries) >= 2)
        assert sorted((entry.symbol, entry.place) for entry in came) == [("CL1!", early[3]), ("MES1!", early[2])]
        subscription.set_symbols({"MES1!": 0})
        late = publisher.append([quote(4), quote(5, "CL1!"), quote(6, "MES1!")])
        assert [entry.place for entry in followed_to(subscription, late[2])] == [late[2]]

    def test_nothing_is_lost_or_doubled_when_pub_sub_connections_are_killed(
        self, redis_client: Redis, publisher: TickPublisher, subscription: TickSubscription
    ) -> None:
        places: list[int] = []
        came: list[LogEntry] = []
        for round_ in range(12):
            places += publisher.append([quote(number) for number in range(40)])
            came += subscription.next_batch(0.01)
            if round_ % 3 == 1:
                redis_client.client_kill_filter(_type="pubsub")
                places += publisher.append([quote(number) for number in range(40)])
        came += followed(subscription, lambda rest: (came + rest)[-1].place == places[-1])
        assert [entry.place for entry in came] == places
        assert subscription._doorbell is not None


def test_a_restarted_server_costs_the_followers_nothing(tmp_path: Path) -> None:
    server = prepare_valkey(tmp_path / "valkey", log=tmp_path / "valkey.log", durable=True)
    process = start_server(server)
    client = connect_redis(server.url, retries=True)
    try:
        publisher = claimed(connect_redis(server.url, retries=False))
        start = begun(publisher)
        with TickSubscription(server.url, {"MNQ1!": start}) as subscription:
            places = publisher.append([quote(1)])
            came = followed_to(subscription, places[-1])
            stop([(server.program, process)])
            with pytest.raises(RedisUnreachable):
                publisher.append([quote(2)])
            assert subscription.next_batch(0.01) == []
            process = start_server(server)
            places += publisher.append_again([quote(2)])
            places += publisher.append([quote(3)])
            came += followed_to(subscription, places[-1])
            assert [entry.place for entry in came] == places
            assert [entry.place for entry in tick_log.read_entries(client, "MNQ1!", after=start)] == places
    finally:
        stop([(server.program, process)])


def test_wake_ups_coalesce_until_the_job_begins_to_read(redis_client: Redis, redis_url: str) -> None:
    queue = connect_queue(redis_url)
    assert [wake_recorder_workers(queue) for _ in range(3)] == [True, False, False]
    clear_wake(redis_client)
    assert wake_recorder_workers(queue)
    jobs = queue.jobs
    assert [job.func_name for job in jobs] == ["services.recorder_worker.jobs.apply_accepted_signals"] * 2
    assert {(job.timeout, job.result_ttl) for job in jobs} == {(-1, 0)}
    assert 0 < redis_client.ttl("signals:wake") <= 5
    queue.connection.close()


def test_a_heartbeat_shows_age_and_facts_and_beats_once_a_second(redis_client: Redis) -> None:
    heartbeat = Heartbeat(redis_client, "price_feed")
    assert heartbeat.beat_if_due(lambda: {"state": "live"})
    assert not heartbeat.beat_if_due(lambda: {"state": "never asked"})
    [beat] = read_heartbeats(redis_client)
    assert (beat.service, beat.facts["state"]) == ("price_feed", "live")
    assert 0 <= beat.age_seconds < 5
    heartbeat.stop()
    assert read_heartbeats(redis_client) == []


def test_an_instance_that_is_silent_for_long_is_forgotten(redis_client: Redis) -> None:
    redis_client.hset("services", "web:gone", json.dumps({"at": time.time() - 601, "pid": 1}))
    redis_client.hset("services", "web:dead", json.dumps({"at": time.time() - 300, "pid": 2}))
    [beat] = read_heartbeats(redis_client)
    assert (beat.instance, beat.facts) == ("dead", {"pid": 2})
    assert beat.age_seconds == pytest.approx(300, abs=5)
    assert redis_client.hlen("services") == 1


def test_announced_changes_reach_who_listens_also_after_a_lost_connection(redis_client: Redis, redis_url: str) -> None:
    announcements = PositionAnnouncements(redis_url)
    change = PositionChange(recorder_id=1, position_id=2, symbol="MNQ1!")
    announcements.next_batch(0.05)
    announce_positions(redis_client, [change, change])
    assert announcements.next_batch(WITHIN_SECONDS) == [change, change]
    redis_client.client_kill_filter(_type="pubsub")
    deadline = time.monotonic() + WITHIN_SECONDS
    came: list[PositionChange] = []
    while not came:
        assert time.monotonic() < deadline
        announce_positions(redis_client, [change])
        came = announcements.next_batch(0.05)
    announcements.close()


def ticks(client: Redis, symbol: str = "MNQ1!") -> list[PriceTick]:
    return [entry for entry in tick_log.read_entries(client, symbol, after=0) if isinstance(entry, PriceTick)]


def marks(client: Redis, symbol: str = "MNQ1!") -> list[GapMark]:
    return [entry for entry in tick_log.read_entries(client, symbol, after=0) if isinstance(entry, GapMark)]


def settle(subscription: TickSubscription) -> None:
    """Let the subscription connect, hear its confirmations and compare."""
    for _ in range(3):
        subscription.next_batch(0.05)


def append_silently(client: Redis, price: str) -> int:
    """Append an entry whose message gets lost."""
    entry_id = stream_id(tick_log.last_place(client) + 1)
    client.xadd("ticks:MNQ1!", {"p": price, "t": "1"}, id=entry_id)
    client.hset(tick_log.HEADS, mapping={"place": entry_id, "MNQ1!:entry": entry_id})
    return place_from_stream_id(entry_id)


def reads_of_streams(client: Redis) -> int:
    return int(client.info("commandstats").get("cmdstat_xrange", {}).get("calls", 0))


def lost(publisher: TickPublisher) -> None:
    script, publisher._script = publisher._script, _unreachable
    try:
        publisher.append([quote(1)])
    finally:
        publisher._script = script


def appended_without_answer(publisher: TickPublisher, client: Redis, batch: list[Quote]) -> list[int]:
    """Append a batch whose answer gets lost on its way back; the places it really has."""
    script = publisher._script

    def answer_lost(**arguments: object) -> None:
        script(**arguments)
        raise RedisUnreachable

    publisher._script = answer_lost
    with pytest.raises(RedisUnreachable):
        publisher.append(batch)
    publisher._script = script
    return [entry.place for entry in tick_log.read_entries(client, "MNQ1!", after=0)][-len(batch) :]


def _unreachable(**_: object) -> None:
    raise RedisUnreachable
