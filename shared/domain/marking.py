"""A position marked at the prices that its ticks reach: worst and best results, and how far it is counted."""

from decimal import Decimal
from typing import Any, Protocol, TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.extremes import PriceRange
from shared.domain.trades import LONG

Extreme = TypeVar("Extreme")


class Stretch(Struct, frozen=True, kw_only=True, gc=False):
    """The time since the last fill, with the price extremes in it, that fill's price included."""

    number: int
    started_at: int
    lowest: Decimal
    lowest_at: int
    highest: Decimal
    highest_at: int


class Marked(Protocol):
    """A position or as much of it as takes part in marking; `value` is the sum of its open lots' entries by quantity.

    `best_tick` is the best one since the last entry, kept only where an exit follows it.
    """

    @property
    def direction(self) -> int: ...  # noqa: D102
    @property
    def multiplier(self) -> Decimal: ...  # noqa: D102
    @property
    def quantity(self) -> int: ...  # noqa: D102
    @property
    def value(self) -> Decimal: ...  # noqa: D102
    @property
    def follows_the_price(self) -> bool: ...  # noqa: D102
    @property
    def stretch(self) -> Stretch: ...  # noqa: D102
    @property
    def worst_pnl(self) -> Decimal: ...  # noqa: D102
    @property
    def best_pnl(self) -> Decimal: ...  # noqa: D102
    @property
    def ticks_seen(self) -> int: ...  # noqa: D102
    @property
    def best_tick(self) -> Decimal | None: ...  # noqa: D102


AnyMarked = TypeVar("AnyMarked", bound=Marked)


def absorb(marked: AnyMarked, seen: PriceRange) -> AnyMarked:
    """Take a position through a stretch of ticks that fills nothing, known by its extremes alone."""
    return _replace(
        marked,
        place=seen.place,
        last_price=seen.last,
        best_tick=best_tick_after(marked, seen.lowest, seen.highest),
        ticks_seen=marked.ticks_seen + seen.count,
        **_marks(marked, seen.lowest, seen.lowest_at, seen.highest, seen.highest_at),
    )


def mark(marked: AnyMarked, price: Decimal, at: int) -> AnyMarked:
    """Mark the whole position at a price that it saw at a moment (ns, UTC)."""
    changes = _marks(marked, price, at, price, at)
    return _replace(marked, **changes) if changes else marked


def unrealized_at(marked: Marked, price: Decimal) -> Decimal:
    """Result of the open lots at `price`, before costs."""
    return marked.direction * marked.multiplier * (price * marked.quantity - marked.value)


def best_tick_after(marked: Marked, lowest: Decimal, highest: Decimal) -> Decimal | None:
    """The best tick since the last entry once ticks between these were seen; None where no exit follows it."""
    if not marked.follows_the_price:
        return None
    _, best = worst_and_best(marked.direction, lowest, highest)
    return best if marked.best_tick is None else worst_and_best(marked.direction, *sorted((marked.best_tick, best)))[1]


def worst_and_best(direction: int, lowest: Extreme, highest: Extreme) -> tuple[Extreme, Extreme]:
    """Order two extremes from the point of view of a direction."""
    return (lowest, highest) if direction == LONG else (highest, lowest)


def _marks(marked: Marked, lowest: Decimal, lowest_at: int, highest: Decimal, highest_at: int) -> dict[str, Any]:
    """Return the fields that two extreme prices, each with its first moment, change."""
    changes: dict[str, Any] = {}
    (worst, worst_at), (best, best_at) = worst_and_best(marked.direction, (lowest, lowest_at), (highest, highest_at))
    worst_pnl, best_pnl = unrealized_at(marked, worst), unrealized_at(marked, best)
    if worst_pnl < marked.worst_pnl:
        changes |= {"worst_pnl": worst_pnl, "worst_price": worst, "worst_at": worst_at}
    if best_pnl > marked.best_pnl:
        changes |= {"best_pnl": best_pnl, "best_at": best_at}
    stretch = marked.stretch
    if lowest < stretch.lowest:
        stretch = replace(stretch, lowest=lowest, lowest_at=lowest_at)
    if highest > stretch.highest:
        stretch = replace(stretch, highest=highest, highest_at=highest_at)
    return changes if stretch is marked.stretch else changes | {"stretch": stretch}


def _replace(marked: AnyMarked, **changes: Any) -> AnyMarked:
    return cast("AnyMarked", replace(cast("Struct", marked), **changes))
