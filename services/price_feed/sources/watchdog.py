"""Notices symbols that say nothing while their market is open, and venues none of whose symbols says anything."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from services.price_feed.sources.followed_symbol import FollowedSymbol
from services.price_feed.sources.venue_line import VenueLine
from shared.domain.timestamps import NS_PER_SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many seconds of an open market without news make a symbol stale; some have a patience of their own."""

    seconds: int = 60
    of_symbols: Mapping[str, int] = field(default_factory=dict)

    def of(self, symbol: str) -> int:
        """Return that of one symbol, in nanoseconds."""
        return self.of_symbols.get(symbol, self.seconds) * NS_PER_SECOND


class Watchdog:
    """Looks at all symbols of a line together."""

    def __init__(self, patience: Patience, reconnect: Callable[[VenueLine, str], None] = VenueLine.reconnect) -> None:
        self._patience = patience
        self._reconnect = reconnect
        self._gave_up_at: dict[VenueLine, int] = {}

    def look(self, line: VenueLine, symbols: Iterable[FollowedSymbol], now: int) -> None:
        """Mark what is stale; if all that could speak is, ask for a new connection, once for each patience."""
        trading = [symbol for symbol in symbols if symbol.hours.is_open(now)]
        for symbol in trading:
            symbol.watch(now, self._patience.of(symbol.symbol))
        if not trading or not all(symbol.is_stale for symbol in trading):
            return
        shortest = min(self._patience.of(symbol.symbol) for symbol in trading)
        if now - self._gave_up_at.get(line, 0) >= shortest:
            self._gave_up_at[line] = now
            self._reconnect(line, f"no price of any symbol for {shortest // NS_PER_SECOND} s while markets are open")
