"""The tick logs as the fold reads them, each stretch fetched from Redis once; for one catch-up, then thrown away."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import redis

from shared.bus.tick_log import last_price_at, mark_lost, read_entries, trimmed_through
from shared.domain.tape import last_price_of
from shared.domain.ticks import LogEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    after: int
    through: int
    lost_through: int
    entries: Sequence[LogEntry]
    places: Sequence[int]


class LogTape:
    """Reads symbols' logs on demand; `known_prices` are last prices at a place that need not be looked up.

    `while_reading` is called after each page of a long log. Ticks at the places `without` have never been.
    """

    def __init__(
        self,
        client: redis.Redis,
        known_prices: Mapping[tuple[str, int], Decimal],
        *,
        while_reading: Callable[[], None] = lambda: None,
        without: Collection[int] = (),
    ) -> None:
        self._redis = client
        self._while_reading = while_reading
        self._known_prices = known_prices
        self._without = frozenset(without)
        self._stretches: dict[str, _Stretch] = {}

    def entries(self, symbol: str, *, after: int, through: int) -> Sequence[LogEntry]:
        """Return the symbol's entries with `after` < place <= `through`; what retention removed reads as a gap mark."""
        stretch = self._stretches.get(symbol)
        if stretch is None or after < stretch.after or through > stretch.through:
            stretch = self.load(symbol, after=after, through=through)
        found = stretch.entries[bisect_right(stretch.places, after) : bisect_right(stretch.places, through)]
        lost_through = min(stretch.lost_through, through)
        return [mark_lost(symbol, after=after, through=lost_through), *found] if lost_through > after else found

    def load(self, symbol: str, *, after: int, through: int) -> _Stretch:
        """Fetch a stretch, together with what was fetched before."""
        known = self._stretches.get(symbol)
        if known:
            after, through = min(after, known.after), max(through, known.through)
        read = read_entries(self._redis, symbol, after=after, through=through, while_reading=self._while_reading)
        lost_through = trimmed_through(self._redis, symbol)  # asked after reading, so that no trim slips by
        entries = [entry for entry in read if entry.place > lost_through and entry.place not in self._without]
        places = [entry.place for entry in entries]
        stretch = _Stretch(after=after, through=through, lost_through=lost_through, entries=entries, places=places)
        self._stretches[symbol] = stretch
        return stretch

    def last_price(self, symbol: str, *, through: int) -> Decimal | None:
        """Return the symbol's last price at or before a place, as far back as the log still goes."""
        known = self._known_prices.get((symbol, through))
        if known is None:
            known = self._loaded_price(symbol, through)
        return last_price_at(self._redis, symbol, through, without=self._without) if known is None else known

    def _loaded_price(self, symbol: str, through: int) -> Decimal | None:
        stretch = self._stretches.get(symbol)
        if stretch is None or not stretch.after < through <= stretch.through:
            return None
        return last_price_of(stretch.entries, bisect_right(stretch.places, through))
