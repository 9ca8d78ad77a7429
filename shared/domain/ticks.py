"""What the tick log holds: price ticks, gap marks and roll marks; it does not know how the log is stored.

They are Structs, made in a twentieth of the time that a frozen dataclass takes: one is made for every tick.
"""

from decimal import Decimal

from msgspec import Struct


class PriceTick(Struct, frozen=True, kw_only=True, gc=False):
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


class GapMark(Struct, frozen=True, kw_only=True, gc=False):
    """Says that the `gap_seconds` before `occurred_at` (ns, UTC) were not seen: feed down, stale, or log lost."""

    symbol: str
    place: int
    occurred_at: int
    gap_seconds: Decimal


class RollMark(Struct, frozen=True, kw_only=True, gc=False):
    """Says that from here on the symbol is another contract, whose price is higher by `difference` at that moment."""

    symbol: str
    place: int
    occurred_at: int
    difference: Decimal


LogEntry = PriceTick | GapMark | RollMark
