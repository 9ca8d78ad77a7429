"""The source of live prices against a venue of the test's own, over real sockets."""

import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from services.price_feed.sources.venue import Heard
from shared.bus.tick_log import Heads
from shared.contracts_file import packaged_contracts
from shared.domain.quotes import Gap, Quote, Roll
from shared.domain.ticks import PriceTick
from tests.venues.following import following
from tests.venues.plain_venue import PlainServer, PlainTalk, PlainVenue

MNQ, GOLD = packaged_contracts()["MNQ"], packaged_contracts()["MGC"]


@pytest.fixture
def server() -> Iterator[PlainServer]:
    with PlainServer() as server:
        yield server


def test_a_price_comes_with_our_symbol_our_clock_and_on_the_grid(server: PlainServer) -> None:
    before = time.time_ns() // 1000 * 1000
    with following(PlainVenue(server.url)) as feed:
        feed.hears(server, "21500.1300000000181")
    quote = feed.said[-1]
    assert isinstance(quote, Quote)
    assert (quote.symbol, str(quote.price)) == ("MNQ1!", "21500.25")
    assert before <= quote.occurred_at <= time.time_ns()
    assert quote.occurred_at % 1000 == 0


def test_the_handshake_carries_one_origin_and_our_headers(server: PlainServer) -> None:
    with following(PlainVenue(server.url)) as feed:
        feed.hears(server, "1")
        headers = server.clients[0].headers
        assert headers.get_all("Origin") == ["https://plain.example"]
        assert headers["X-Plain"] == "yes"


def test_symbols_are_followed_and_left_while_connected(server: PlainServer) -> None:
    with following(PlainVenue(server.url)) as feed:
        feed.hears(server, "1")
        feed.wanted = {"MNQ1!": MNQ, "MGC1!": GOLD}
        feed.hears(server, "2", "mgc1!")
        feed.wanted = {"MGC1!": GOLD}
        feed.until(lambda: server.followed == {"mgc1!"})
    assert server.connected == 1
    assert server.heard[:3] == ["hello", "follow mnq1!", "follow mgc1!"]


def test_nothing_is_connected_for_nobody(server: PlainServer) -> None:
    with following(PlainVenue(server.url), symbols={}) as feed:
        feed.source.next_batch(0.3)
        assert server.connected == 0
        feed.wanted = {"MNQ1!": MNQ}
        feed.hears(server, "1")
        feed.wanted = {}
        feed.until(lambda: not server.clients)


@pytest.mark.parametrize("how", ["cut", "cut_in_mid_frame"])
def test_after_a_cut_all_symbols_are_asked_for_again_and_the_time_between_is_a_gap(
    server: PlainServer, how: str
) -> None:
    with following(PlainVenue(server.url), symbols={"MNQ1!": MNQ, "MGC1!": GOLD}) as feed:
        feed.hears(server, "100")
        feed.hears(server, "50", "mgc1!")
        last = feed.said[-1].occurred_at
        cut_at = time.monotonic()
        getattr(server, how)()
        feed.until(lambda: server.connected == 2)
        assert time.monotonic() - cut_at < 1
        feed.hears(server, "101")
        assert server.heard[3:] == ["hello", "follow mgc1!", "follow mnq1!"]
    gap, quote = feed.said[-2:]
    assert gap == Gap(symbol="MNQ1!", occurred_at=quote.occurred_at, gap_seconds=feed.gaps()[0].gap_seconds)
    assert feed.gaps()[0].gap_seconds == Decimal(quote.occurred_at - last).scaleb(-9)
    assert feed.gaps("MGC1!") == []  # nothing was heard of it yet


def test_a_sign_of_life_ends_a_gap_without_a_price(server: PlainServer) -> None:
    with following(PlainVenue(server.url)) as feed:
        feed.hears(server, "100")
        server.cut()
        feed.until(lambda: server.connected == 2 and "mnq1!" in server.followed)
        server.say("alive mnq1!")
        feed.until(lambda: len(feed.gaps()) == 1)
        feed.hears(server, "101")
    assert len(feed.gaps()) == 1


def test_two_losses_in_a_row_are_one_gap(server: PlainServer) -> None:
    with following(PlainVenue(server.url)) as feed:
        feed.hears(server, "100")
        since = feed.said[-1].occurred_at
        for connection in (2, 3):
            server.cut()
            feed.until(lambda number=connection: server.connected == number and "mnq1!" in server.followed)
            server.say("noise")
        feed.hears(server, "101")
    (gap,) = feed.gaps()
    assert gap.occurred_at - since == int(gap.gap_seconds * 10**9)


def test_messages_that_the_venue_says_were_lost_are_a_gap(server: PlainServer) -> None:
    with following(PlainVenue(server.url)) as feed:
        feed.hears(server, "100")
        server.say("lost mnq1!")
        feed.hears(server, "101")
    first, gap, second = feed.said
    assert isinstance(gap, Gap)
    assert gap.gap_seconds == Decimal(second.occurred_at - first.occurred_at).scaleb(-9)


def test_what_was_left_for_a_while_has_a_gap_when_it_is_followed_again(server: PlainServer) -> None:
    with following(PlainVenue(server.url), symbols={"MNQ1!": MNQ, "MGC1!": GOLD}) as feed:
        feed.hears(server, "100")
        feed.wanted = {"MGC1!": GOLD}
        feed.until(lambda: server.followed == {"mgc1!"})
        feed.wanted = {"MNQ1!": MNQ, "MGC1!": GOLD}
        feed.hears(server, "101")
    assert len(feed.gaps()) == 1


def test_the_sign_of_life_is_sent_while_prices_stream(server: PlainServer) -> None:
    server.patience_seconds = 0.5
    with following(PlainVenue(server.url, keep_alive_seconds=0.4)) as feed:
        feed.until(lambda: "mnq1!" in server.followed)
        end = time.monotonic() + 1.5
        number = 0
        while time.monotonic() < end:
            number += 1
            server.say(f"price mnq1! {100 + number % 2}")
            feed.said += feed.source.next_batch(0.002)
        feed.until(lambda: len(feed.prices()) == number)
    assert server.connected == 1
    assert server.misconduct == []
    assert 3 <= server.heard.count("beat") <= 8


def test_a_question_of_the_venue_is_answered(server: PlainServer) -> None:
    with following(PlainVenue(server.url)) as feed:
        feed.hears(server, "100")
        server.say("ping")
        server.wait_for(lambda: "pong" in server.heard)


def test_a_socket_that_says_nothing_is_given_up(server: PlainServer) -> None:
    with following(PlainVenue(server.url, silence_seconds=0.3)) as feed:
        feed.hears(server, "100")
        feed.until(lambda: server.connected == 2)
        assert "said nothing for 0.3 s" in str(feed.source._lines[0].trouble)


def test_the_first_venue_that_has_a_symbol_serves_it(server: PlainServer) -> None:
    with PlainServer() as second:
        first, other = PlainVenue(server.url, names={"MNQ1!": "nasdaq"}), PlainVenue(second.url, name="other")
        with following(first, other, symbols={"MNQ1!": MNQ, "MGC1!": GOLD}) as feed:
            feed.hears(server, "100", "nasdaq")
            feed.hears(second, "50", "mgc1!")
            assert server.followed == {"nasdaq"}
            assert second.followed == {"mgc1!"}
            server.say("trouble unknown_symbol nasdaq 0")
            feed.hears(second, "101")
    assert feed.prices() == [100, 101]


def test_when_a_symbol_gets_another_name_at_its_venue_the_jump_between_contracts_is_a_roll(server: PlainServer) -> None:
    venue = PlainVenue(server.url, names={"MNQ1!": "mnqz6"})
    with following(venue) as feed:
        feed.hears(server, "21000", "mnqz6")
        venue.names = {"MNQ1!": "mnqh7"}
        feed.until(lambda: server.followed == {"mnqh7"})
        server.say("price mnqz6 20999")  # the old contract says no more
        server.say("price mnqh7 0")
        feed.hears(server, "23100.5", "mnqh7")
        feed.hears(server, "23101", "mnqh7")
    first, roll = [each for each in feed.said if isinstance(each, Roll)]
    assert (first.difference, first.contract) == (0, "mnqz6")
    assert (roll.difference, roll.contract) == (Decimal("2100.5"), "mnqh7")
    following_roll = feed.said[feed.said.index(roll) + 1]
    assert isinstance(following_roll, Quote)
    assert following_roll.price == Decimal("23100.5")
    assert feed.prices() == [21000, Decimal("23100.5"), 23101]


@pytest.mark.parametrize(("of_log", "rolls"), [("mnqz6", [(1500, "mnqh7")]), ("mnqh7", []), (None, [(0, "mnqh7")])])
def test_a_roll_while_the_feed_was_down_is_marked_when_the_new_contract_speaks(
    server: PlainServer, of_log: str | None, rolls: list[tuple[int, str]]
) -> None:
    last = PriceTick(symbol="MNQ1!", place=1, occurred_at=1, price=Decimal(21500))
    heads = Heads(place=1, ticks={"MNQ1!": last}, contracts={"MNQ1!": of_log} if of_log else {})
    with following(PlainVenue(server.url, names={"MNQ1!": "mnqh7"}), heads=heads) as feed:
        feed.hears(server, "23000" if of_log == "mnqz6" else "21501", "mnqh7")
    assert feed.rolls() == rolls
    assert [type(each) for each in feed.said] == ([Roll, Quote] if rolls else [Quote])


def test_a_roll_while_nobody_needed_the_symbol_is_marked(server: PlainServer) -> None:
    venue = PlainVenue(server.url, names={"MNQ1!": "mnqz6", "MGC1!": "mgc1!"})
    with following(venue, symbols={"MNQ1!": MNQ, "MGC1!": GOLD}) as feed:
        feed.hears(server, "21000", "mnqz6")
        feed.wanted = {"MGC1!": GOLD}
        feed.until(lambda: server.followed == {"mgc1!"})
        venue.names = {"MNQ1!": "mnqh7", "MGC1!": "mgc1!"}
        feed.wanted = {"MNQ1!": MNQ, "MGC1!": GOLD}
        feed.hears(server, "21200", "mnqh7")
    assert feed.rolls() == [(0, "mnqz6"), (200, "mnqh7")]


def test_a_roll_that_came_to_nothing_in_the_log_is_marked_with_the_next_price(server: PlainServer) -> None:
    venue = PlainVenue(server.url, names={"MNQ1!": "mnqz6"})
    with following(venue) as feed:
        feed.hears(server, "21000", "mnqz6")
        venue.names = {"MNQ1!": "mnqh7"}
        feed.until(lambda: server.followed == {"mnqh7"})
        server.say("price mnqh7 23100")
        time.sleep(0.3)  # the time in which nobody takes it
        feed.source.resume()
        feed.hears(server, "23150", "mnqh7")
    assert feed.rolls() == [(0, "mnqz6"), (2100, "mnqh7")]
    assert feed.prices() == [21000, 23150]


def test_a_tick_size_that_is_corrected_holds_from_the_next_look_on(server: PlainServer) -> None:
    with following(PlainVenue(server.url)) as feed:
        feed.hears(server, "21000.3")
        feed.wanted = {"MNQ1!": replace(MNQ, tick_size=Decimal("0.1"))}
        feed.until(lambda: feed.source._subscriptions.symbols["MNQ1!"].contract.tick_size == Decimal("0.1"))
        feed.hears(server, "21000.3")
    assert feed.prices() == [Decimal("21000.25"), Decimal("21000.3")]
    assert server.connected == 1
    assert feed.gaps() == []


def test_what_a_venue_refused_is_asked_for_again_after_a_while_and_the_message_goes(
    server: PlainServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.price_feed.sources.routes.ASK_AGAIN_NS", 10**9)
    with following(PlainVenue(server.url), symbols={"MNQ1!": MNQ, "MGC1!": GOLD}) as feed:
        line = feed.source._lines[0]
        feed.until(lambda: server.followed == {"mnq1!", "mgc1!"})
        server.say("trouble unknown_symbol mnq1! 0")
        feed.until(lambda: server.followed == {"mgc1!"})
        assert line.trouble == "unknown_symbol mnq1!"
        feed.hears(server, "100")
        assert line.trouble is None
        assert server.connected == 1


def test_two_symbols_may_have_one_name(server: PlainServer) -> None:
    venue = PlainVenue(server.url, names={"MNQ1!": "mnqz6", "MNQZ2026": "mnqz6"})
    with following(venue, symbols={"MNQ1!": MNQ, "MNQZ2026": MNQ}) as feed:
        feed.hears(server, "100", "mnqz6")
        feed.until(lambda: feed.prices("MNQZ2026") == [100])
    assert feed.prices() == [100]


def test_a_refused_handshake_is_tried_again_after_a_while(server: PlainServer) -> None:
    server.refuse_with = (403, "go away")
    with following(PlainVenue(server.url)) as feed:
        line = feed.source._lines[0]
        feed.until(lambda: line.trouble == "plain does not let us in: 403")
        server.refuse_with = None
        feed.hears(server, "100")


def test_a_venue_that_sends_us_away_is_left_alone_for_as_long_as_it_says(server: PlainServer) -> None:
    with following(PlainVenue(server.url)) as feed:
        feed.hears(server, "100")
        server.say("trouble limited all 2")
        feed.until(lambda: not server.clients)
        sent_away_at = time.monotonic()
        feed.until(lambda: server.connected == 2)
        assert time.monotonic() - sent_away_at > 1.5


def test_a_mistake_of_an_adapter_ends_a_connection_not_the_feed(
    server: PlainServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hear = PlainTalk.hear

    def hears_badly(self: PlainTalk, message: str) -> Heard:
        if message == "poison":
            raise KeyError(message)
        return hear(self, message)

    monkeypatch.setattr(PlainTalk, "hear", hears_badly)
    with following(PlainVenue(server.url)) as feed:
        feed.hears(server, "100")
        server.say("poison")
        feed.until(lambda: server.connected == 2)
        feed.hears(server, "101")
        assert "KeyError" in str(feed.source._lines[0].trouble)
    assert "venue_failed" in caplog.text


def test_what_nobody_could_take_is_dropped_and_becomes_a_gap(server: PlainServer) -> None:
    with following(PlainVenue(server.url)) as feed:
        feed.hears(server, "100")
        server.say("price mnq1! 99")
        time.sleep(0.3)  # the time in which nobody takes it
        feed.source.resume()
        feed.hears(server, "101")
    assert feed.prices() == [100, 101]
    (gap,) = feed.gaps()
    assert gap.gap_seconds >= Decimal("0.25")
