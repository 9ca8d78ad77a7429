import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from cli.embedded.server import start_server
from cli.embedded.valkey import prepare_valkey
from cli.processes import stop
from services.price_feed.delivery import Delivery
from services.price_feed.feed import Feed
from services.price_feed.sources import Source
from services.price_feed.sources.opening import SourceOpener, source_opener
from services.price_feed.sources.paced import PacedSource
from shared.bus import tick_log
from shared.bus.connection import connect_redis
from shared.bus.heartbeat import read_heartbeats
from shared.bus.publisher import SourceLease, TickPublisher
from shared.bus.tick_log import Heads
from shared.domain.places import SEQUENCE_BITS, place_from_stream_id, stream_id
from shared.domain.quotes import Gap, Quote
from shared.domain.ticks import GapMark, LogEntry, PriceTick
from shared.domain.timestamps import NS_PER_SECOND
from shared.settings import Settings, load_settings

WITHIN_SECONDS = 15.0
HEADER = "time,symbol,price,bid,gap_seconds\n"
THE_YEAR_2000 = 946_684_800
FLAT_OUT = Decimal(1_000_000_000)


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def environment(redis_url: str, **more: str) -> dict[str, str]:
    return {
        "DATABASE_URL": "postgresql+psycopg2://nobody@127.0.0.1:1/none",  # the feed never connects to it
        "REDIS_URL": redis_url,
        "SECRET_KEY": "0123456789abcdef" * 2,
        **more,
    }


def replay_settings(redis_url: str, path: Path, speed: Decimal = FLAT_OUT) -> Settings:
    return replace(load_settings(environment(redis_url)), feed="replay", feed_ticks=path, feed_speed=speed)


@contextmanager
def feeding(
    settings: Settings, instance: str = "one", open_source: SourceOpener | None = None
) -> Iterator[threading.Event]:
    """A feed in a thread of its own; setting the event ends it as SIGTERM would."""
    stopping = threading.Event()
    client = connect_redis(settings.redis_url, retries=False)
    open_source = open_source or source_opener(settings, dict)
    feed = Feed(client, settings, open_source, is_stopping=stopping.is_set, instance=instance)
    thread = threading.Thread(target=feed.run)
    thread.start()
    try:
        yield stopping
    finally:
        stopping.set()
        thread.join(WITHIN_SECONDS)
        assert not thread.is_alive()
        client.close()


@contextmanager
def another_publishing(client: Redis) -> Iterator[TickPublisher]:
    """Another instance that takes over from a feed whose lease ran out, and ends."""
    lease = SourceLease(client, "replay", "another")
    epoch = None
    while epoch is None:
        client.delete("ticks:lease:replay")
        epoch = lease.claim()
    yield TickPublisher(client, source="replay", epoch=epoch, retention_seconds=3600)
    lease.release(epoch)


@contextmanager
def process(redis_url: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "cli.main", "price-feed"]
    variables = {"PATH": os.environ["PATH"], **environment(redis_url, **more)}
    with subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def prices(client: Redis, symbol: str) -> list[Decimal]:
    entries = tick_log.read_entries(client, symbol, after=0)
    return [entry.price for entry in entries if isinstance(entry, PriceTick)]


def since_beginning(client: Redis, symbol: str) -> list[LogEntry]:
    """The symbol's log without the mark that it begins with; the log must have begun."""
    beginning, *entries = tick_log.read_entries(client, symbol, after=0)
    assert isinstance(beginning, GapMark)
    assert beginning.gap_seconds > THE_YEAR_2000
    return entries


def gaps(client: Redis, symbol: str) -> list[GapMark]:
    return [entry for entry in since_beginning(client, symbol) if isinstance(entry, GapMark)]


def kinds(entries: list[LogEntry]) -> list[type]:
    return [type(entry) for entry in entries]


def numbered(tmp_path: Path, count: int, seconds_apart: float = 1.0) -> Path:
    """A file of one symbol whose prices count from 0."""
    path = tmp_path / "ticks.csv"
    lines = (f"{round(number * seconds_apart * 10**9)},EURUSD,{number},," for number in range(count))
    path.write_text(HEADER + "\n".join(lines) + "\n")
    return path


def test_a_file_is_played_whole_in_its_order_with_times_of_now(
    redis_client: Redis, redis_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text(f"{HEADER}5,EURUSD,1.5,1.4,\n5,GBPUSD,2,,\n6,EURUSD,,,2\n7,EURUSD,,1.3,\n8,EURUSD,1.6,,\n")
    before = time.time_ns() // 1000 * 1000
    with feeding(replay_settings(redis_url, path)):
        eventually(lambda: prices(redis_client, "EURUSD") == [Decimal("1.5"), Decimal("1.6")])
        eventually(lambda: feed_facts(redis_client)["state"] == "ended")
    entries = since_beginning(redis_client, "EURUSD")
    assert kinds(entries) == [PriceTick, GapMark, PriceTick]
    assert prices(redis_client, "GBPUSD") == [2]
    assert isinstance(entries[0], PriceTick)
    assert entries[0].bid == Decimal("1.4")
    assert all(before <= entry.occurred_at <= time.time_ns() and entry.occurred_at % 1000 == 0 for entry in entries)


def test_a_feed_that_comes_back_marks_the_time_it_was_away(redis_client: Redis, redis_url: str, tmp_path: Path) -> None:
    claimed_publisher(redis_client).publish("EURUSD", Decimal(9), 9)
    pass_time(redis_client, "EURUSD", milliseconds=30_000)
    with feeding(replay_settings(redis_url, numbered(tmp_path, 3))):
        eventually(lambda: prices(redis_client, "EURUSD") == [9, 0, 1, 2])
    assert kinds(since_beginning(redis_client, "EURUSD")) == [PriceTick, GapMark, *[PriceTick] * 3]
    assert 30 <= gaps(redis_client, "EURUSD")[0].gap_seconds < 30 + WITHIN_SECONDS


def test_a_symbol_that_was_never_seen_before_has_no_gap_but_its_beginning(
    redis_client: Redis, redis_url: str, tmp_path: Path
) -> None:
    with feeding(replay_settings(redis_url, numbered(tmp_path, 3))):
        eventually(lambda: prices(redis_client, "EURUSD") == [0, 1, 2])
    assert gaps(redis_client, "EURUSD") == []


def test_a_lost_redis_costs_no_tick_and_leaves_a_gap(tmp_path: Path) -> None:
    server = prepare_valkey(tmp_path / "valkey", log=tmp_path / "valkey.log", durable=True)
    running = start_server(server)
    client = connect_redis(server.url, retries=True)
    try:
        with feeding(replay_settings(server.url, numbered(tmp_path, 400, seconds_apart=0.01), Decimal(1))):
            eventually(lambda: len(prices(client, "EURUSD")) > 20)
            stop([(server.program, running)])
            time.sleep(2.2)  # the outage itself: two seconds make a gap
            running = start_server(server)
            eventually(lambda: len(prices(client, "EURUSD")) == 400)
        assert prices(client, "EURUSD") == list(range(400))
        times = [entry.occurred_at for entry in tick_log.read_entries(client, "EURUSD", after=0)]
        longest = max(later - earlier for earlier, later in pairwise(times))
        assert longest > 2 * NS_PER_SECOND  # the rest was played on from there, not all at once
        assert [2 < gap.gap_seconds < WITHIN_SECONDS for gap in gaps(client, "EURUSD")] == [True]
    finally:
        stop([(server.program, running)])


def test_a_batch_that_had_arrived_before_the_outage_is_followed_by_the_gap(redis_client: Redis) -> None:
    publisher = claimed_publisher(redis_client)
    delivery = Delivery(redis_client, publisher)
    script = publisher._script

    def answer_lost(**arguments: object) -> None:
        script(**arguments)
        raise RedisError

    publisher._script = answer_lost
    with pytest.raises(RedisError):
        delivery.deliver([Quote(symbol="A", occurred_at=1, price=Decimal(1))])
    publisher._script = script
    assert delivery.is_waiting
    delivery.fail()
    delivery.finish()
    assert not delivery.is_waiting
    pass_time(redis_client, "A", milliseconds=60_000)
    delivery.deliver([Quote(symbol="A", occurred_at=2, price=Decimal(2))])
    delivery.deliver([Quote(symbol="A", occurred_at=3, price=Decimal(3))])
    assert kinds(since_beginning(redis_client, "A")) == [PriceTick, GapMark, PriceTick, PriceTick]
    assert gaps(redis_client, "A")[0].gap_seconds >= 60


@pytest.mark.parametrize("was_noticed", [True, False])
def test_a_redis_that_comes_back_empty_begins_a_log_that_says_so(redis_client: Redis, *, was_noticed: bool) -> None:
    delivery = Delivery(redis_client, claimed_publisher(redis_client))
    delivery.deliver([Quote(symbol="A", occurred_at=1, price=Decimal(1))])
    redis_client.flushall()
    if was_noticed:
        delivery.fail()
    delivery.deliver([Quote(symbol="A", occurred_at=2, price=Decimal(2))])
    assert [(type(entry), entry.occurred_at) for entry in since_beginning(redis_client, "A")] == [(PriceTick, 2)]


def test_a_redis_that_lost_its_last_seconds_gets_a_gap_from_the_last_tick_that_survived(redis_client: Redis) -> None:
    delivery = Delivery(redis_client, claimed_publisher(redis_client))
    delivery.deliver([Quote(symbol="A", occurred_at=1, price=Decimal(1))])
    pass_time(redis_client, "A", milliseconds=5_000)  # it had been followed by ticks that are gone
    delivery.fail()
    delivery.deliver([Quote(symbol="A", occurred_at=2, price=Decimal(2))])
    assert kinds(since_beginning(redis_client, "A")) == [PriceTick, GapMark, PriceTick]
    assert 5 <= gaps(redis_client, "A")[0].gap_seconds < 5 + WITHIN_SECONDS


def test_a_gap_that_the_source_tells_and_the_silence_around_it_are_one_mark(redis_client: Redis) -> None:
    delivery = Delivery(redis_client, claimed_publisher(redis_client))
    delivery.deliver([Quote(symbol="A", occurred_at=1, price=Decimal(1))])
    for silence_ms, told, expected in ((5_000, 2, 5), (5_000, 700, 700)):
        pass_time(redis_client, "A", milliseconds=silence_ms)
        delivery.fail()
        gap = Gap(symbol="A", occurred_at=9, gap_seconds=Decimal(told))
        delivery.deliver([gap, Quote(symbol="A", occurred_at=9, price=Decimal(2))])
        *_, mark, last = since_beginning(redis_client, "A")
        assert isinstance(mark, GapMark)
        assert isinstance(last, PriceTick)
        assert expected <= mark.gap_seconds < expected + WITHIN_SECONDS
    assert len(gaps(redis_client, "A")) == 2


def test_a_standby_takes_over_when_the_first_feed_ends(redis_client: Redis, redis_url: str, tmp_path: Path) -> None:
    settings = replay_settings(redis_url, numbered(tmp_path, 10_000, seconds_apart=0.01), Decimal(1))
    with feeding(settings, "one") as first:
        eventually(lambda: len(prices(redis_client, "EURUSD")) > 3)
        with feeding(settings, "two"):
            time.sleep(0.6)  # long enough for a second publisher to begin, were it allowed to
            assert prices(redis_client, "EURUSD").count(Decimal(0)) == 1
            first.set()
            eventually(lambda: prices(redis_client, "EURUSD").count(Decimal(0)) == 2)
    played = prices(redis_client, "EURUSD")
    second = played.index(Decimal(0), 1)
    assert played == [*range(second), *range(len(played) - second)]


def test_a_feed_that_publishes_again_begins_with_what_another_wrote_meanwhile(
    redis_client: Redis, redis_url: str, tmp_path: Path
) -> None:
    opened: list[Heads] = []

    def open_source(heads: Heads) -> Source:
        opened.append(heads)
        return PacedSource(iter([]))

    with feeding(replay_settings(redis_url, tmp_path), open_source=open_source):
        eventually(lambda: len(opened) == 1)
        with another_publishing(redis_client) as other:
            other.publish("EURUSD", Decimal(9), 9)
        eventually(lambda: len(opened) == 2)
    assert opened[1].ticks["EURUSD"].price == 9


def test_a_replay_that_publishes_again_goes_on_where_it_stood(
    redis_client: Redis, redis_url: str, tmp_path: Path
) -> None:
    path = numbered(tmp_path, 10_000, seconds_apart=0.01)
    with feeding(replay_settings(redis_url, path, Decimal(1))):
        eventually(lambda: len(prices(redis_client, "EURUSD")) > 3)
        with another_publishing(redis_client):
            time.sleep(0.2)  # its next price finds the log closed to it
            before = prices(redis_client, "EURUSD")
        eventually(lambda: len(prices(redis_client, "EURUSD")) > len(before) + 3)
        after = prices(redis_client, "EURUSD")[len(before) :]
    assert before == list(range(len(before)))
    first = int(after[0])
    assert len(before) <= first  # what another could have published is not held back for it
    assert after == list(range(first, first + len(after)))


def test_a_feed_keeps_renewing_its_lease(redis_client: Redis, redis_url: str, tmp_path: Path) -> None:
    left: list[int] = []

    def renewed() -> bool:
        left.append(redis_client.pttl("ticks:lease:replay"))
        return len(left) > 1 and 0 < left[-2] < left[-1] - 100

    with feeding(replay_settings(redis_url, numbered(tmp_path, 1))):
        eventually(lambda: prices(redis_client, "EURUSD") == [0])
        eventually(renewed)


def test_the_simulated_market_trades_until_sigterm_and_leaves_no_trace_of_itself(
    redis_client: Redis, redis_url: str
) -> None:
    with process(redis_url, FEED="simulated") as feed:
        eventually(lambda: len(tick_log.read_heads(redis_client).ticks) == 3)
        assert feed_facts(redis_client)["state"] == "live"
        feed.send_signal(signal.SIGTERM)
        assert feed.wait(WITHIN_SECONDS) == 0
    assert read_heartbeats(redis_client) == []
    assert redis_client.pttl("ticks:lease:simulated") < 50
    with process(redis_url, FEED="simulated"):
        eventually(lambda: len(tick_log.read_entries(redis_client, "MNQ1!", after=0)) > 20)


def test_a_killed_feed_is_followed_by_one_that_marks_the_gap(redis_client: Redis, redis_url: str) -> None:
    with process(redis_url, FEED="simulated") as feed:
        eventually(lambda: "MNQ1!" in tick_log.read_heads(redis_client).ticks)
        feed.kill()
        feed.wait(WITHIN_SECONDS)
    with process(redis_url, FEED="simulated"):
        eventually(lambda: gaps(redis_client, "MNQ1!") != [])


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"FEED": "crystal-ball"}, "FEED is 'crystal-ball'"),
        ({"FEED": "replay"}, "FEED_TICKS is not set"),
        ({"FEED": "replay", "FEED_TICKS": "/nowhere/ticks.csv"}, "/nowhere/ticks.csv: No such file"),
    ],
)
def test_wrong_settings_end_it_with_one_sentence(redis_url: str, variables: dict[str, str], sentence: str) -> None:
    with process(redis_url, **variables) as feed:
        _, said = feed.communicate(timeout=WITHIN_SECONDS)
    assert feed.returncode == 2
    assert said.count("\n") == 1
    assert said.startswith(f"Error: {sentence}")


def test_a_damaged_file_is_refused_before_anything_is_played(
    redis_client: Redis, redis_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "damaged.csv"
    path.write_text(f"{HEADER}5,EURUSD,1.5,,\n6,EURUSD,oops,,\n")
    with process(redis_url, FEED="replay", FEED_TICKS=str(path)) as feed:
        _, said = feed.communicate(timeout=WITHIN_SECONDS)
    assert feed.returncode == 2
    assert said == f"Error: {path}, line 3, price: 'oops' is not a number\n"
    assert redis_client.keys("ticks:*") == []


def feed_facts(client: Redis) -> dict[str, object]:
    return next((dict(beat.facts) for beat in read_heartbeats(client) if beat.service == "price_feed"), {"state": None})


def claimed_publisher(client: Redis) -> TickPublisher:
    epoch = SourceLease(client, "test", "one").claim()
    assert epoch is not None
    return TickPublisher(client, source="test", epoch=epoch, retention_seconds=3600)


def pass_time(client: Redis, symbol: str, *, milliseconds: int) -> None:
    """Make the symbol's log older, as if nothing had been appended for so long."""
    stream = tick_log.stream_of(symbol)
    entries = client.xrange(stream)
    client.delete(stream)
    for entry_id, fields in entries:
        older = stream_id(place_from_stream_id(entry_id) - (milliseconds << SEQUENCE_BITS))
        client.xadd(stream, fields, id=older)
        client.hset(tick_log.HEADS, mapping={"place": older, f"{symbol}:entry": older})
