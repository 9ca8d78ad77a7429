"""The tick logs as the fold reads them, and whole ones in memory; where they are kept is not known here."""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from shared.domain.ticks import LogEntry, PriceTick, RollMark


class Tape(Protocol):
    """The tick logs of all symbols, as far back as anybody needs them."""

    def entries(self, symbol: str, *, after: int, through: int) -> Sequence[LogEntry]:
        """Return the symbol's entries with `after` < place <= `through`, in order."""

    def last_price(self, symbol: str, *, through: int) -> Decimal | None:
        """Return the symbol's last price at or before a place; None before its first tick."""


def last_price_of(entries: Sequence[LogEntry], count: int) -> Decimal | None:
    """Return the last price among the first `count` entries, moved by the rolls behind it; None without one."""
    rolled = Decimal(0)
    for index in range(count - 1, -1, -1):
        entry = entries[index]
        if isinstance(entry, PriceTick):
            return entry.price + rolled
        if isinstance(entry, RollMark):
            rolled += entry.difference
    return None


@dataclass
class MemoryTape:
    """Whole tick logs in memory, by symbol."""

    _entries: dict[str, list[LogEntry]] = field(default_factory=dict)
    _places: dict[str, list[int]] = field(default_factory=dict)

    def append(self, entry: LogEntry) -> None:
        """Add an entry whose place is beyond the symbol's last one."""
        self._entries.setdefault(entry.symbol, []).append(entry)
        self._places.setdefault(entry.symbol, []).append(entry.place)

    def entries(self, symbol: str, *, after: int, through: int) -> Sequence[LogEntry]:
        """Return the symbol's entries with `after` < place <= `through`."""
        places = self._places.get(symbol, [])
        return self._entries.get(symbol, [])[bisect_right(places, after) : bisect_right(places, through)]

    def last_price(self, symbol: str, *, through: int) -> Decimal | None:
        """Return the symbol's last price at or before a place."""
        return last_price_of(self._entries.get(symbol, []), bisect_right(self._places.get(symbol, []), through))

    def without(self, places: Collection[int]) -> "MemoryTape":
        """Return the logs as they would be had these entries never been."""
        if not places:
            return self
        left = MemoryTape()
        for entries in self._entries.values():
            for entry in entries:
                if entry.place not in places:
                    left.append(entry)
        return left

    def last_place(self, symbol: str) -> int:
        """Return the place of the symbol's last entry; 0 without one."""
        places = self._places.get(symbol)
        return places[-1] if places else 0
