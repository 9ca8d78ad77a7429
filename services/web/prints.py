"""The prints of a trade that may be wrong: its worst, its best and the last one it saw, as the tick log has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.bus.connection import RedisClient
from shared.bus.tick_log import read_entries
from shared.domain.ticks import PriceTick
from shared.domain.timestamps import NS_PER_US, from_datetime
from shared.store.trade_list import TradeRow

_LAST = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectPrint:
    """A tick and what it was to the trade."""

    tick: PriceTick
    role: str


def suspect_prints(log: RedisClient, trade: TradeRow, *, after: int) -> list[SuspectPrint]:
    """Find them among the ticks `after` a place that the log still has of the time the trade was open, each once."""
    ticks = _ticks_of(log, trade, after)
    if not ticks:
        return []
    low, high = min(ticks, key=lambda tick: tick.price), max(ticks, key=lambda tick: tick.price)
    worst, best = (low, high) if trade.side == "LONG" else (high, low)
    found = {worst.place: SuspectPrint(tick=worst, role="worst")}
    found.setdefault(best.place, SuspectPrint(tick=best, role="best"))
    if trade.exit_time is not None:
        found.setdefault(ticks[-1].place, SuspectPrint(tick=ticks[-1], role="last before the exit"))
    return list(found.values())


def find_tick(log: RedisClient, symbol: str, occurred_at: int, price: Decimal) -> PriceTick | None:
    """Find the first tick with this time, in whole microseconds, and this price."""
    for entry in read_entries(log, symbol, after=0):
        if isinstance(entry, PriceTick) and entry.price == price and 0 <= entry.occurred_at - occurred_at < NS_PER_US:
            return entry
    return None


def _ticks_of(log: RedisClient, trade: TradeRow, after: int) -> Sequence[PriceTick]:
    entered = from_datetime(trade.entry_time)
    exited = None if trade.exit_time is None else from_datetime(trade.exit_time) + NS_PER_US - 1
    entries = read_entries(log, trade.ticker, after=after)
    return [
        entry
        for entry in entries
        if isinstance(entry, PriceTick) and entered <= entry.occurred_at and entry.occurred_at <= (exited or _LAST)
    ]
