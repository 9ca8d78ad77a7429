"""The tick logs read whole: each symbol's once for all recorders, and whether nothing of it is gone."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import redis

from shared.bus.tick_log import read_entries, read_page, trimmed_through
from shared.domain.tape import MemoryTape
from shared.domain.ticks import LogEntry

MOST_ENTRIES = 1_000_000  # in memory at a time, about 300 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class _SymbolLog:
    """`trimmed` is the place of the last entry that was removed, 0 if none; `begins` that of the first one there is."""

    tape: MemoryTape
    size: int
    trimmed: int
    begins: int | None


class WholeTape:
    """Reads symbols' logs whole, each as it is when first asked for, so that one recorder sees one state of it.

    `while_reading` is called after each page of a long log.
    """

    def __init__(
        self,
        client: redis.Redis,
        *,
        most_entries: int = MOST_ENTRIES,
        while_reading: Callable[[], None] = lambda: None,
    ) -> None:
        self._redis = client
        self._most_entries = most_entries
        self._while_reading = while_reading
        self._logs: OrderedDict[str, _SymbolLog] = OrderedDict()
        self._without: dict[str, MemoryTape] = {}
        self._voided: frozenset[int] = frozenset()
        self._known_prices: Mapping[tuple[str, int], Decimal] = {}

    def turn_to(self, known_prices: Mapping[tuple[str, int], Decimal], voided: frozenset[int]) -> None:
        """Read on for a recorder whose signals know last prices at places, and for whom some ticks never were."""
        self._known_prices, self._voided = known_prices, voided
        self._without.clear()

    def is_whole_after(self, symbol: str, place: int, market_price: Decimal | None) -> bool:
        """Tell whether the log has all that followed a place, where `market_price` was the symbol's last price.

        A log that begins later was emptied, unless the symbol had no price yet.
        """
        log = self._log(symbol)
        return _reaches(log.trimmed, log.begins, place, market_price)

    def entries(self, symbol: str, *, after: int, through: int) -> Sequence[LogEntry]:
        """Return the symbol's entries with `after` < place <= `through`."""
        return self._tape(symbol).entries(symbol, after=after, through=through)

    def last_price(self, symbol: str, *, through: int) -> Decimal | None:
        """Return the symbol's last price at or before a place; one that was removed is known from the signal."""
        price = self._tape(symbol).last_price(symbol, through=through)
        if price is None and self._log(symbol).tape.last_price(symbol, through=through) is None:
            return self._known_prices.get((symbol, through))
        return price

    def forget(self) -> None:
        """Forget logs, those first that nobody asked for longest, until the others fit into memory."""
        while sum(log.size for log in self._logs.values()) > self._most_entries:
            self._logs.popitem(last=False)

    def _tape(self, symbol: str) -> MemoryTape:
        if not self._voided:
            return self._log(symbol).tape
        if symbol not in self._without:
            self._without[symbol] = self._log(symbol).tape.without(self._voided)
        return self._without[symbol]

    def _log(self, symbol: str) -> _SymbolLog:
        if symbol not in self._logs:
            self._logs[symbol] = self._read(symbol)
        self._logs.move_to_end(symbol)
        return self._logs[symbol]

    def _read(self, symbol: str) -> _SymbolLog:
        entries = read_entries(self._redis, symbol, after=0, while_reading=self._while_reading)
        trimmed = trimmed_through(self._redis, symbol)  # asked after reading, so that no trim slips by
        whole = [entry for entry in entries if entry.place > trimmed]
        begins = whole[0].place if whole else None
        return _SymbolLog(tape=_taped(whole), size=len(whole), trimmed=trimmed, begins=begins)


class LogExtent:
    """Knows how far symbols' logs reach back, without reading them."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def is_whole_after(self, symbol: str, place: int, market_price: Decimal | None) -> bool:
        """Tell whether the log has all that followed a place, as `WholeTape` does."""
        trimmed = trimmed_through(self._redis, symbol)
        first = read_page(self._redis, symbol, after=trimmed, count=1)
        return _reaches(trimmed, first[0].place if first else None, place, market_price)


def _reaches(trimmed: int, begins: int | None, place: int, market_price: Decimal | None) -> bool:
    if trimmed:
        return place > trimmed
    return market_price is None or (begins is not None and place >= begins)


def _taped(entries: Iterable[LogEntry]) -> MemoryTape:
    tape = MemoryTape()
    for entry in entries:
        tape.append(entry)
    return tape
