"""Which names are asked for at each venue, and whose prices they are; what the venues say is not its business.

A name serves symbols: its prices are theirs. Or it is compared: by it, a watch finds out which contract a continuous
symbol stands for.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from services.price_feed.market_hours import MarketHours, hours_of
from services.price_feed.sources.contract_watch import ContractWatch
from services.price_feed.sources.followed_symbol import FollowedSymbol
from services.price_feed.sources.price_filter import PriceFilter
from services.price_feed.sources.routes import Route, Routes
from services.price_feed.sources.venue import VenueQuote
from services.price_feed.sources.venue_line import VenueLine
from services.price_feed.sources.watchdog import Patience
from shared.bus.tick_log import Heads
from shared.domain.contracts import Contract
from shared.domain.quotes import SourceMessage
from shared.logs import log_event

Offer = Mapping[str, str]  # names of dated contracts at a venue, and the contracts
Served = dict[str, list[FollowedSymbol]]
Compared = dict[str, list[ContractWatch]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRules:
    """What a live feed believes: which jumps, how long a silence, and when markets are open."""

    jump_percent: Decimal = Decimal(5)
    patience: Patience = field(default_factory=Patience)
    hours: Callable[[Contract], MarketHours] = hours_of


class Subscriptions:
    """Follows what is wanted, under the names of now."""

    def __init__(self, lines: Sequence[VenueLine], rules: FeedRules, heads: Heads) -> None:
        self.choice = Routes(lines)
        self.symbols: dict[str, FollowedSymbol] = {}
        self.routes: dict[str, Route] = {}
        self.served: dict[VenueLine, Served] = {line: {} for line in lines}
        self.compared: dict[VenueLine, Compared] = {line: {} for line in lines}
        self._rules = rules
        self._heads = heads
        self._offers: dict[str, Offer] = {}
        self._watches: dict[str, ContractWatch] = {}

    def renew(self, wanted: Mapping[str, Contract], now: int) -> list[SourceMessage]:
        """Ask for what is wanted at a moment (ns), and for nothing else; returns the rolls that are due by now."""
        for symbol, contract in wanted.items():
            followed = self.symbols.get(symbol)
            if followed and followed.contract != contract:
                followed.correct(contract, self._rules.hours(contract))
        routes = self.choice.plan(wanted, now)
        offers = {symbol: self._offer(symbol, wanted[symbol], route, now) for symbol, route in routes.items()}
        said = self._follow(wanted, routes, offers, now) if (routes, offers) != (self.routes, self._offers) else []
        for watch in self._watches.values():
            said += self._settle(watch, now)
        return said

    def hear(self, watch: ContractWatch, quote: VenueQuote, at: int) -> Sequence[SourceMessage]:
        """Let a watch compare a price that came at a moment (ns); returns what a roll says, if it finds one."""
        watch.hear(quote, self.symbols[watch.symbol].to_tick(quote.price), at)
        return self._settle(watch, at)

    def lose(self, line: VenueLine, since: int) -> None:
        """Take in that a connection ended whose last message came at `since` (ns)."""
        for symbols in self.served[line].values():
            for symbol in symbols:
                symbol.lose_sight(since)
        for watches in self.compared[line].values():
            for watch in watches:
                watch.forget()

    def note_delay(self, line: VenueLine, name: str, seconds: int | None) -> None:
        """Take in how late a name's prices come: a symbol and what it is compared with come alike."""
        compared = (self.symbols[watch.symbol] for watch in self.compared[line].get(name, ()))
        for symbol in (*self.served[line].get(name, ()), *compared):
            symbol.delay_seconds = seconds

    def _offer(self, symbol: str, contract: Contract, route: Route, now: int) -> Offer:
        """Name the dated contracts that a symbol may stand for there, and the one that serves."""
        venue, watch = route.line.venue, self._watches.get(symbol)
        contracts = {*venue.contracts(symbol, contract, now), *([watch.contract] if watch else ())} - {symbol}
        names = {venue.name_of(each, contract, now): each for each in contracts}
        return {name: each for name, each in names.items() if name and not self.choice.refuses(route.line, name, now)}

    def _follow(
        self, wanted: Mapping[str, Contract], routes: dict[str, Route], offers: dict[str, Offer], now: int
    ) -> list[SourceMessage]:
        for symbol, route in self.routes.items():
            if routes.get(symbol) != route:
                self.symbols[symbol].lose_sight(now)
                self._watches.pop(symbol, None)
        self.routes, self._offers = routes, offers
        said: list[SourceMessage] = []
        for symbol in routes:
            if symbol not in self.symbols:
                self.symbols[symbol] = self._begin(symbol, wanted[symbol], now)
            said += self._choose_contract(self.symbols[symbol], offers[symbol], now)
        self._listen()
        return said

    def _begin(self, symbol: str, contract: Contract, now: int) -> FollowedSymbol:
        last = self._heads.ticks.get(symbol)
        return FollowedSymbol(
            symbol,
            contract,
            PriceFilter(self._rules.jump_percent, last.price if last else None),
            self._rules.hours(contract),
            followed_since=now,
            stands_for=self._heads.contracts.get(symbol),
        )

    def _choose_contract(self, symbol: FollowedSymbol, offer: Offer, now: int) -> Sequence[SourceMessage]:
        """Have a symbol stand for the contract that its route names, or for the one that the venue seems to mean."""
        name, watch = self.routes[symbol.symbol].name, self._watches.get(symbol.symbol)
        said: Sequence[SourceMessage] = ()
        if name in offer or (watch is None and not offer):
            self._stand_for(symbol, offer.get(name, symbol.symbol), now)
        elif watch is None:
            watch = self._watches[symbol.symbol] = ContractWatch(symbol.symbol, name, offer, symbol.stands_for)
            self._stand_for(symbol, watch.contract, now)
        else:
            if watch.serving not in (name, *offer):
                said = self._hand_over(watch, name, now)
            watch.offer(offer)
        return said

    def _hand_over(self, watch: ContractWatch, name: str, now: int) -> Sequence[SourceMessage]:
        """Have another name serve, from the price on that it has by now."""
        difference = watch.hand_over(name)
        log_event(logger, "contract_changed", symbol=watch.symbol, contract=watch.contract, difference=difference)
        symbol, quote = self.symbols[watch.symbol], watch.last_quote()
        self._stand_for(symbol, watch.contract, now, difference)
        return symbol.take(quote, now) if quote and difference != 0 else ()

    def _stand_for(self, symbol: FollowedSymbol, contract: str, now: int, difference: Decimal | None = None) -> None:
        route = self.routes[symbol.symbol]
        if difference is None and contract == symbol.symbol:
            may_be = route.line.venue.contracts(symbol.symbol, symbol.contract, now)
            # Nothing says that the venue has left the contract that the log is of.
            difference = Decimal(0) if symbol.stands_for in may_be else None
        symbol.stand_for(contract, difference)

    def _listen(self) -> None:
        for line in self.served:
            self.served[line], self.compared[line] = {}, {}
            own = {symbol: route for symbol, route in self.routes.items() if route.line is line}
            for symbol, route in own.items():
                self._listen_to(symbol, route)
            names = {route.name for route in own.values()}
            line.want(names, self.compared[line].keys() - names)

    def _listen_to(self, symbol: str, route: Route) -> None:
        watch = self._watches.get(symbol)
        name = watch.serving if watch else route.name
        self.served[route.line].setdefault(name, []).append(self.symbols[symbol])
        if watch:
            for each in watch.names:
                self.compared[route.line].setdefault(each, []).append(watch)

    def _settle(self, watch: ContractWatch, now: int) -> Sequence[SourceMessage]:
        name = watch.successor(now)
        if name is None:
            return ()
        said = self._hand_over(watch, name, now)
        self._listen()
        return said
