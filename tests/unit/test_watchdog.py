"""Hours of a market pass here in no time: the clock is the test's."""

from datetime import datetime
from decimal import Decimal
from queue import SimpleQueue
from zoneinfo import ZoneInfo

import pytest

from services.price_feed.market_hours import hours_of
from services.price_feed.sources.followed_symbol import FollowedSymbol
from services.price_feed.sources.price_filter import PriceFilter
from services.price_feed.sources.venue import VenueQuote
from services.price_feed.sources.venue_line import VenueLine
from services.price_feed.sources.watchdog import Patience, Watchdog
from shared.contracts_file import packaged_contracts
from shared.domain.quotes import Gap, Quote, SourceMessage
from shared.domain.timestamps import NS_PER_SECOND, from_datetime
from tests.venues.plain_venue import PlainVenue

HOUR = 3600


def wall(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")))


class Watched:
    """Some symbols on one line, a watchdog that looks every second, and a clock that is turned by hand."""

    def __init__(self, begin: str, *symbols: str, patience: Patience | None = None) -> None:
        self.now = wall(begin)
        contracts = packaged_contracts()
        self.symbols = {symbol: self._follow(symbol, contracts[symbol.removesuffix("1!")]) for symbol in symbols}
        self.reconnects: list[int] = []
        self.line = VenueLine(PlainVenue(""), SimpleQueue())
        self.watchdog = Watchdog(patience or Patience(), reconnect=lambda *_: self.reconnects.append(self.now))

    def _follow(self, symbol: str, contract: object) -> FollowedSymbol:
        return FollowedSymbol(symbol, contract, PriceFilter(Decimal(5)), hours_of(contract), self.now)  # type: ignore[arg-type]

    def pass_time(self, until: str, *, speaking: str = "", step: int = 1) -> None:
        """Look every `step` seconds; `speaking` has a price each time."""
        end = wall(until)
        while self.now < end:
            self.now += step * NS_PER_SECOND
            if speaking:
                self.hear(speaking, str(100 + self.now % 3))
            self.watchdog.look(self.line, self.symbols.values(), self.now)

    def hear(self, symbol: str, price: str, venue_time: int | None = None) -> list[SourceMessage]:
        quote = VenueQuote(name=symbol, price=Decimal(price), venue_time=venue_time)
        return list(self.symbols[symbol].take(quote, self.now))


@pytest.fixture
def wednesday() -> Watched:
    return Watched("2026-11-18 12:00", "MNQ1!", "BTCUSD")


def test_a_minute_of_silence_in_an_open_market_is_stale_and_a_gap_when_it_speaks_again(wednesday: Watched) -> None:
    wednesday.hear("MNQ1!", "100")
    wednesday.pass_time("2026-11-18 12:00:59", speaking="BTCUSD")
    assert not wednesday.symbols["MNQ1!"].is_stale
    wednesday.pass_time("2026-11-18 12:01:30", speaking="BTCUSD")
    assert wednesday.symbols["MNQ1!"].is_stale
    assert not wednesday.symbols["BTCUSD"].is_stale
    gap, quote = wednesday.hear("MNQ1!", "101")
    assert isinstance(gap, Gap)
    assert isinstance(quote, Quote)
    assert gap.gap_seconds == 90
    assert not wednesday.symbols["MNQ1!"].is_stale
    assert len(wednesday.hear("MNQ1!", "102")) == 1
    assert wednesday.reconnects == []


def test_a_quiet_market_that_gives_signs_of_life_is_not_stale(wednesday: Watched) -> None:
    for minute in range(1, 9):
        wednesday.pass_time(f"2026-11-18 12:00:{minute * 5:02}")
        assert list(wednesday.symbols["MNQ1!"].notice(wednesday.now)) == []
    assert not wednesday.symbols["MNQ1!"].is_stale


def test_a_patience_of_its_own_holds_for_one_symbol() -> None:
    watched = Watched("2026-11-18 12:00", "MNQ1!", "MGC1!", patience=Patience(seconds=5, of_symbols={"MGC1!": 300}))
    watched.pass_time("2026-11-18 12:01")
    assert watched.symbols["MNQ1!"].is_stale
    assert not watched.symbols["MGC1!"].is_stale


def test_the_break_and_the_weekend_are_neither_stale_nor_a_gap() -> None:
    watched = Watched("2026-11-20 16:59:59", "MNQ1!")
    watched.hear("MNQ1!", "100")
    watched.symbols["MNQ1!"].lose_sight(watched.now)  # the connection was cut, too
    watched.pass_time("2026-11-22 18:00:30", step=15)
    assert not watched.symbols["MNQ1!"].is_stale
    gap, _ = watched.hear("MNQ1!", "101")
    assert isinstance(gap, Gap)
    assert gap.gap_seconds == 45  # the last second of Friday, the first 44 of Sunday
    assert watched.reconnects == []


def test_a_cut_while_the_market_is_closed_leaves_no_gap() -> None:
    watched = Watched("2026-11-18 17:10", "MNQ1!")
    watched.symbols["MNQ1!"].lose_sight(watched.now)
    watched.pass_time("2026-11-18 18:00")
    assert [type(each) for each in watched.hear("MNQ1!", "101")] == [Quote]


def test_when_all_that_could_speak_are_silent_a_new_connection_is_asked_for_once_a_minute() -> None:
    watched = Watched("2026-11-21 12:00", "MNQ1!", "BTCUSD")  # a Saturday: only coins trade
    watched.pass_time("2026-11-21 12:03:30")
    assert [(at - wall("2026-11-21 12:00")) // NS_PER_SECOND for at in watched.reconnects] == [60, 120, 180]


def test_a_snapshot_from_before_the_close_is_no_tick() -> None:
    watched = Watched("2026-11-21 12:00", "MNQ1!")
    friday = wall("2026-11-20 16:59:58")
    assert watched.hear("MNQ1!", "100", friday) == []
    assert watched.symbols["MNQ1!"].prices.refused == {"old": 1}
    watched.now = wall("2026-11-22 18:00:01")
    assert len(watched.hear("MNQ1!", "100", watched.now)) == 1


def test_a_snapshot_in_an_open_market_is_a_tick_however_old() -> None:
    watched = Watched("2026-11-18 12:00", "MNQ1!")
    assert len(watched.hear("MNQ1!", "100", watched.now - HOUR * NS_PER_SECOND)) == 1


def test_delayed_prices_are_not_old_for_their_delay() -> None:
    watched = Watched("2026-11-18 17:05", "MNQ1!")
    watched.symbols["MNQ1!"].delay_seconds = 600
    assert len(watched.hear("MNQ1!", "100", wall("2026-11-18 16:54:30"))) == 1
