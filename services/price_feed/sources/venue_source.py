"""The source of live prices: several venues' messages, as quotes and gap marks of the symbols that are wanted.

Each symbol is served by the first venue that has it. Sockets and their threads are the business of VenueLine.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from queue import Empty, SimpleQueue

from services.price_feed.market_hours import MarketHours, hours_of
from services.price_feed.sources.followed_symbol import FollowedSymbol
from services.price_feed.sources.price_filter import PriceFilter
from services.price_feed.sources.routes import Route, Routes
from services.price_feed.sources.venue import Trouble, Venue
from services.price_feed.sources.venue_line import Inbox, Lost, Told, VenueLine
from services.price_feed.sources.venue_status import describe_line, describe_symbols
from services.price_feed.sources.watchdog import Patience, Watchdog
from shared.domain.contracts import Contract
from shared.domain.quotes import Gap, Roll, SourceMessage
from shared.domain.ticks import PriceTick

NS_PER_SECOND = 1_000_000_000
MOST_AT_ONCE = 500
LOOK_EVERY_SECONDS = 0.5

Wanted = Callable[[], Mapping[str, Contract]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRules:
    """What a live feed believes: which jumps, how long a silence, and when markets are open."""

    jump_percent: Decimal = Decimal(5)
    patience: Patience = field(default_factory=Patience)
    hours: Callable[[Contract], MarketHours] = hours_of


class VenueSource:
    """Live prices without end; nothing is connected before it is first asked for prices."""

    ended = False

    def __init__(
        self,
        venues: Sequence[Venue],
        wanted: Wanted,
        *,
        last_ticks: Mapping[str, PriceTick],
        rules: FeedRules | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._inbox: Inbox = SimpleQueue()
        self._lines = [VenueLine(venue, self._inbox) for venue in venues]
        self._choice = Routes(self._lines)
        self._wanted = wanted
        self._last_ticks = last_ticks
        self._rules = rules or FeedRules()
        self._watchdog = Watchdog(self._rules.patience)
        self._now_ns = now_ns
        self._symbols: dict[str, FollowedSymbol] = {}
        self._routes: dict[str, Route] = {}
        self._last_routes: dict[str, Route] = {}  # also of symbols that nobody needs for a while
        self._names: dict[VenueLine, dict[str, list[FollowedSymbol]]] = {line: {} for line in self._lines}
        self._look_at = 0.0

    def next_batch(self, timeout: float) -> list[SourceMessage]:
        """Take what came in, or wait for it at most `timeout` seconds."""
        if time.monotonic() >= self._look_at:
            self._look()
        batch: list[SourceMessage] = []
        with suppress(Empty):
            self._take(self._inbox.get(timeout=timeout), batch)
            while len(batch) < MOST_AT_ONCE:
                self._take(self._inbox.get_nowait(), batch)
        return batch

    def resume(self) -> None:
        """Drop what came while nobody could take it: a price counts from when it is in the log, and that is too late.

        It becomes a gap.
        """
        dropped: list[SourceMessage] = []
        with suppress(Empty):
            while True:
                self._take(self._inbox.get_nowait(), dropped)
        for message in dropped:
            self._symbols[message.symbol].lose_sight(_begin(message))
            if isinstance(message, Roll):
                self._symbols[message.symbol].take_back(message)

    def status(self) -> dict[str, object]:
        """Describe each source and each symbol that is wanted."""
        lines = [describe_line(line, _all(names, names)) for line, names in self._names.items()]
        return {
            "sources": lines,
            "symbols": describe_symbols(self._wanted(), self._routes, self._symbols, self._now_ns()),
        }

    def close(self) -> None:
        """Hang up everywhere; the next batch connects again."""
        for line in self._lines:
            line.stop()
        self.resume()
        self._routes = {}
        self._last_routes = {}  # whoever publishes meanwhile marks the rolls
        self._look_at = 0.0

    def _look(self) -> None:
        """Follow what is wanted now under the names of now."""
        self._look_at = time.monotonic() + LOOK_EVERY_SECONDS
        wanted = self._wanted()
        self._correct_contracts(wanted)
        routes = self._choice.plan(wanted, self._now_ns())
        if routes != self._routes:
            self._follow(wanted, routes)
        now = self._now_ns()
        for line, names in self._names.items():
            self._watchdog.look(line, _all(names, names), now)

    def _correct_contracts(self, wanted: Mapping[str, Contract]) -> None:
        for symbol, contract in wanted.items():
            followed = self._symbols.get(symbol)
            if followed and followed.contract != contract:
                followed.correct(contract, self._rules.hours(contract))

    def _follow(self, wanted: Mapping[str, Contract], routes: dict[str, Route]) -> None:
        now = self._now_ns()
        for symbol, route in self._routes.items():
            if routes.get(symbol) != route:
                self._symbols[symbol].lose_sight(now)
        for line in self._lines:
            names: dict[str, list[FollowedSymbol]] = {}
            for symbol, route in routes.items():
                if route.line is line:
                    names.setdefault(route.name, []).append(self._serve(symbol, wanted[symbol], route))
            self._names[line] = names
            line.want(names)
        self._routes = routes

    def _serve(self, symbol: str, contract: Contract, route: Route) -> FollowedSymbol:
        """Return the symbol for its route; it rolls if its last price came from there under another name."""
        before = self._last_routes.get(symbol)
        if symbol not in self._symbols:
            self._symbols[symbol] = self._begin(symbol, contract)
            before = self._route_of_last_tick(symbol, contract, route.line)
        if before is not None and before.line is route.line and before.name != route.name:
            self._symbols[symbol].roll()
        self._last_routes[symbol] = route
        return self._symbols[symbol]

    def _begin(self, symbol: str, contract: Contract) -> FollowedSymbol:
        last = self._last_ticks.get(symbol)
        prices = PriceFilter(self._rules.jump_percent, last.price if last else None)
        return FollowedSymbol(symbol, contract, prices, self._rules.hours(contract), self._now_ns())

    def _route_of_last_tick(self, symbol: str, contract: Contract, line: VenueLine) -> Route | None:
        """Find what the line would have been asked for when the log's last price came, before we were started."""
        last = self._last_ticks.get(symbol)
        name = line.venue.name_of(symbol, contract, last.occurred_at) if last else None
        return None if name is None else Route(line, name)

    def _take(self, event: Told | Lost, batch: list[SourceMessage]) -> None:
        names = self._names[event.line]
        if isinstance(event, Lost):
            for symbol in _all(names, names):
                symbol.lose_sight(event.last_received_at)
            return
        heard, received_at = event.heard, event.received_at
        if heard.missed:
            for symbol in _all(names, heard.missed):
                symbol.miss()
        for quote in heard.quotes:
            for symbol in names.get(quote.name, ()):
                batch.extend(symbol.take(quote, received_at))
        if heard.alive:
            for symbol in _all(names, heard.alive):
                batch.extend(symbol.notice(received_at))
        for trouble in heard.troubles:
            self._mind(event.line, trouble)

    def _mind(self, line: VenueLine, trouble: Trouble) -> None:
        if trouble.name is None:
            return
        if trouble.kind == "unknown_symbol":
            self._choice.avoid(line, trouble.name, self._now_ns())
            self._look_at = 0.0
        elif trouble.kind == "delayed":
            for symbol in _all(self._names[line], [trouble.name]):
                symbol.delay_seconds = trouble.delay_seconds


def _all(names: Mapping[str, Sequence[FollowedSymbol]], some: Collection[str]) -> Iterable[FollowedSymbol]:
    return (symbol for name in some for symbol in names.get(name, ()))


def _begin(message: SourceMessage) -> int:
    """The moment from which on a message that is dropped leaves a hole."""
    if isinstance(message, Gap):
        return message.occurred_at - int(message.gap_seconds * NS_PER_SECOND)
    return message.occurred_at
