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


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """From here on the symbol is another contract, whose price is higher by `difference` at that moment.

    The new contract's price follows in the same batch, so that nobody is told the old one's in between. `contract` is
    its dated symbol, or the symbol itself where nobody knows that; None leaves open what the log knows of it.
    """

    symbol: str
    occurred_at: int
    difference: Decimal
    contract: str | None = None


SourceMessage = Quote | Gap | Roll
