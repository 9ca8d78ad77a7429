"""TradingView's own rolls: its server makes MNQ1! another contract without a word, and the source notices."""

import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from services.price_feed.sources.tradingview import TradingView
from shared.bus.tick_log import Heads
from shared.domain.quotes import Quote, Roll
from shared.domain.ticks import PriceTick
from tests.venues.following import Following, following
from tests.venues.rolling import rolling_today
from tests.venues.tradingview_server import TradingViewServer

ROLLING = rolling_today("MNQ", "MES", "CL", "NG")
SYMBOL, TICK = ROLLING.symbol, ROLLING.contract.tick_size
NAMES = TradingView()
SURE_SECONDS = 0.5
OWN, OLD, NEW = (
    str(NAMES.name_of(each, ROLLING.contract, time.time_ns())) for each in (SYMBOL, ROLLING.old, ROLLING.new)
)


def price(ticks: int) -> float:
    return float(20_000 * TICK + ticks * TICK)


def exact(ticks: int) -> Decimal:
    return 20_000 * TICK + ticks * TICK


def market(*names: str) -> dict[str, dict[str, object]]:
    """OLD stands at 0 ticks from the middle, NEW at 80."""
    now = int(time.time())
    at = {OWN: 0, OLD: 0, NEW: 80}
    return {name: {"lp": price(at[name]), "lp_time": now, "update_mode": "streaming"} for name in names}


@pytest.fixture(autouse=True)
def _sure_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.price_feed.sources.contract_watch.SURE_AFTER_NS", SURE_SECONDS * 10**9)


@pytest.fixture
def server() -> Iterator[TradingViewServer]:
    with TradingViewServer(market(OWN, OLD, NEW)) as server:
        server.stands_for[OWN] = OLD
        yield server
        assert server.misconduct == []


def followed(server: TradingViewServer, *, of_log: str | None = None, last: int = 0, **front_months: str) -> Following:
    tick = PriceTick(symbol=SYMBOL, place=1, occurred_at=time.time_ns(), price=exact(last))
    heads = Heads(place=1, ticks={SYMBOL: tick}, contracts={SYMBOL: of_log}) if of_log else None
    venue = TradingView(url=server.url, site=server.site, front_months=front_months)
    return following(venue, symbols={SYMBOL: ROLLING.contract}, heads=heads)


def stands_for(feed: Following) -> str:
    return feed.source._subscriptions.symbols[SYMBOL].stands_for


def test_the_contract_behind_a_continuous_symbol_is_found_by_its_price(server: TradingViewServer) -> None:
    with followed(server) as feed:
        feed.until(lambda: server.follows(OWN, OLD, NEW))
        feed.until(lambda: feed.prices(SYMBOL) == [exact(0)])
        time.sleep(SURE_SECONDS + 0.1)
        server.change(OLD, lp=price(3))
        feed.until(lambda: feed.rolls(SYMBOL) == [(0, ROLLING.old)])
        server.change(OLD, lp=price(4))
        feed.until(lambda: feed.prices(SYMBOL)[-1] == exact(4))
    assert feed.prices(SYMBOL)[0] == exact(0)


def test_the_jump_to_the_next_contract_is_a_roll_and_none_of_its_prices_comes_before(server: TradingViewServer) -> None:
    with followed(server, of_log=ROLLING.old) as feed:
        feed.until(lambda: feed.prices(SYMBOL) == [exact(0)])
        server.roll(OWN, NEW)
        server.change(NEW, lp=price(81))
        server.change(OLD, lp=price(2))
        feed.until(lambda: feed.rolls(SYMBOL) != [])
        server.change(NEW, lp=price(85))
        feed.until(lambda: feed.prices(SYMBOL)[-1] == exact(85))
    assert feed.rolls(SYMBOL) == [(79 * TICK, ROLLING.new)]
    assert feed.prices(SYMBOL) == [exact(0), exact(2), exact(81), exact(85)]
    assert [type(each) for each in feed.said] == [Quote, Quote, Roll, Quote, Quote]


def test_a_roll_while_the_feed_was_down_moves_nothing_of_what_the_market_did_meanwhile(
    server: TradingViewServer,
) -> None:
    server.roll(OWN, NEW)
    server.change(OLD, lp=price(10))
    server.change(NEW, lp=price(91))
    with followed(server, of_log=ROLLING.old, last=-5) as feed:
        feed.until(lambda: feed.rolls(SYMBOL) != [])
    assert feed.rolls(SYMBOL) == [(81 * TICK, ROLLING.new)]
    assert feed.prices(SYMBOL) == [exact(10), exact(91)]


def test_a_roll_while_the_connection_was_lost_is_marked(server: TradingViewServer) -> None:
    with followed(server, of_log=ROLLING.old) as feed:
        feed.until(lambda: feed.prices(SYMBOL) == [exact(0)])
        server.cut()
        server.roll(OWN, NEW)
        feed.until(lambda: feed.rolls(SYMBOL) == [(80 * TICK, ROLLING.new)])
    assert feed.prices(SYMBOL) == [exact(0), exact(80)]


def test_a_restart_after_the_mark_makes_no_second_one(server: TradingViewServer) -> None:
    server.roll(OWN, NEW)
    with followed(server, of_log=ROLLING.new, last=80) as feed:
        feed.until(lambda: feed.prices(SYMBOL) == [exact(80)])
        time.sleep(SURE_SECONDS + 0.1)
        server.change(NEW, lp=price(82))
        feed.until(lambda: feed.prices(SYMBOL)[-1] == exact(82))
    assert feed.rolls(SYMBOL) == []


def test_a_roll_that_the_log_did_not_take_is_marked_when_it_takes_again(server: TradingViewServer) -> None:
    with followed(server, of_log=ROLLING.old) as feed:
        feed.until(lambda: feed.prices(SYMBOL) == [exact(0)])
        server.roll(OWN, NEW)
        feed.until(lambda: feed.source._subscriptions._watches[SYMBOL]._rival == NEW)
        time.sleep(SURE_SECONDS + 0.1)
        server.change(NEW, lp=price(83))
        time.sleep(0.3)  # the time in which nobody takes it
        feed.source.resume()
        assert feed.rolls(SYMBOL) == []
        server.change(NEW, lp=price(84))
        feed.until(lambda: feed.prices(SYMBOL)[-1] == exact(84))
    assert feed.rolls(SYMBOL) == [(83 * TICK, ROLLING.new)]


def test_without_dated_prices_the_continuous_ones_serve_and_the_contract_is_unknown() -> None:
    with TradingViewServer(market(OWN)) as server, followed(server) as feed:
        feed.until(lambda: server.follows(OWN) and feed.prices(SYMBOL) == [exact(0)])
        server.change(OWN, lp=price(80))
        feed.until(lambda: feed.prices(SYMBOL)[-1] == exact(80))
        assert feed.rolls(SYMBOL) == []
        assert feed.source._lines[0].trouble is None
        (status,) = feed.source.status()["symbols"]
        assert status["contract"] is None


def test_a_contract_that_is_refused_hands_over_to_the_continuous_symbol_without_a_jump() -> None:
    with TradingViewServer(market(OWN, NEW)) as server, followed(server, of_log=ROLLING.old, last=-7) as feed:
        feed.until(lambda: feed.prices(SYMBOL) == [exact(0)])
    assert feed.rolls(SYMBOL) == [(0, SYMBOL)]


def test_a_contract_that_nobody_offered_is_followed_after_a_while(
    server: TradingViewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.price_feed.sources.contract_watch.LOST_AFTER_NS", 10**9)
    with followed(server, of_log=ROLLING.old) as feed:
        feed.until(lambda: feed.prices(SYMBOL) == [exact(0)])
        server.stands_for[OWN] = "another"
        server.tell([(OWN, {"lp": price(200)})])
        server.change(OLD, lp=price(1))
        feed.until(lambda: feed.prices(SYMBOL)[-1] == exact(200))
        server.tell([(OWN, {"lp": price(201)})])
        feed.until(lambda: feed.prices(SYMBOL)[-1] == exact(201))
    assert feed.rolls(SYMBOL) == [(199 * TICK, SYMBOL)]


def test_a_front_month_of_the_users_choice_serves_whatever_tradingview_means(server: TradingViewServer) -> None:
    with followed(server, of_log=ROLLING.old, **{ROLLING.contract.root: ROLLING.new}) as feed:
        feed.until(lambda: feed.prices(SYMBOL) == [exact(80)])
        assert server.follows(NEW)
        assert stands_for(feed) == ROLLING.new
    assert feed.rolls(SYMBOL) == [(80 * TICK, ROLLING.new)]


def test_prices_beyond_the_band_of_belief_roll_too(server: TradingViewServer) -> None:
    server.market[NEW]["lp"] = price(9_000)
    with followed(server, of_log=ROLLING.old) as feed:
        feed.until(lambda: feed.prices(SYMBOL) == [exact(0)])
        server.roll(OWN, NEW)
        feed.until(lambda: feed.prices(SYMBOL)[-1] == exact(9_000))
    assert feed.rolls(SYMBOL) == [(9_000 * TICK, ROLLING.new)]
