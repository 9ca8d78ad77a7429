"""What a source of prices says, before it has a place in the tick log."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """One price update as its source tells it; `occurred_at` is nanoseconds since the epoch, UTC."""

    symbol: str
    occurred_at: int
    price: Decimal
    bid: Decimal | None = None
    ask: Decimal | None = None
    size: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The `gap_seconds` before `occurred_at` (ns, UTC) that the source knows it did not see."""

    symbol: str
    occurred_at: int
    gap_seconds: Decimal


SourceMessage = Quote | Gap
