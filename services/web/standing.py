"""How a position stands as of the last tick, in numbers; pages and programs are shown the same ones."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shared.domain.ticks import PriceTick
from shared.store.results import unrealized_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a symbol beyond a position's row: its last tick, and the extremes of what the row lacks."""

    last: PriceTick | None = None
    lowest: Decimal | None = None
    highest: Decimal | None = None
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Price and unrealized result now (None: no tick yet), the worst and the best so far, and ticks seen."""

    price: Decimal | None
    unrealized: Decimal | None
    worst: Decimal
    best: Decimal
    ticks_seen: int


def seen_at_head(row: Any, head: PriceTick | None) -> Seen:
    """Make do with a symbol's last tick, if the row lacks it."""
    if head is None or head.place <= row.place:
        return Seen(last=head)
    return Seen(last=head, lowest=head.price, highest=head.price, count=1)


def stand(row: Any, seen: Seen) -> Standing:
    """Join a position's row with what was seen since."""
    results = [unrealized_at(row, price) for price in (seen.lowest, seen.highest) if price is not None]
    price = row.current_price if seen.last is None else seen.last.price
    return Standing(
        price=price,
        unrealized=None if price is None else unrealized_at(row, price),
        worst=min(row.worst_unrealized_pnl, *results, Decimal(0)),
        best=max(row.best_unrealized_pnl, *results, Decimal(0)),
        ticks_seen=row.ticks_seen + seen.count,
    )
