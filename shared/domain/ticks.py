"""What the tick log holds: price ticks, gap marks and roll marks; it does not know how the log is stored."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTick:
    """One price update of one symbol.

    `place` orders it among all ticks of all symbols; `occurred_at` is nanoseconds since the epoch, UTC.
    Only `price` moves anything; bid, ask and size are kept for whoever reads the log.
    """

    symbol: str
    place: int
    occurred_at: int
    price: Decimal
    bid: Decimal | None = None
    ask: Decimal | None = None
    size: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GapMark:
    """Says that the `gap_seconds` before `occurred_at` (ns, UTC) were not seen: feed down, stale, or log lost."""

    symbol: str
    place: int
    occurred_at: int
    gap_seconds: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RollMark:
    """Says that from here on the symbol is another contract, whose price is higher by `difference` at that moment."""

    symbol: str
    place: int
    occurred_at: int
    difference: Decimal


LogEntry = PriceTick | GapMark | RollMark
