"""Distances in points and the levels at their ends, on the grid of the tick size; what happens there is not known."""

from decimal import Decimal
from math import ceil, floor
from typing import Protocol

from shared.domain.exact_fraction import Fraction
from shared.domain.exit_rules import Distance

HALF = Fraction(1, 2)
_GRAIN = 10**12  # finer than any price


class Scale(Protocol):
    """What a contract says of prices: its tick size, and what a point is worth."""

    @property
    def tick_size(self) -> Decimal: ...  # noqa: D102

    @property
    def multiplier(self) -> Decimal: ...  # noqa: D102


def level_price(distance: Distance, *, average: Fraction, side: int, contract: Scale) -> Decimal:
    """Round a level to the tick size, ties away from the average, at least a tick from it on its `side` (+1 above)."""
    points = points_of(distance, average=average, side=side, contract=contract)
    return level_beside(average, points, side=side, tick_size=contract.tick_size)


def points_of(distance: Distance, *, average: Fraction, side: int, contract: Scale) -> Fraction:
    """Return how many points a distance measures from the average towards `side`; a price behind it is below 0."""
    value = Fraction(distance.value)
    match distance.kind:
        case "price":
            return (value - average) * side
        case "ticks":
            return value * Fraction(contract.tick_size)
        case "points":
            return value
        case "percent":
            return average * value / 100
        case "dollars":
            return value / Fraction(contract.multiplier)


def level_beside(price: Fraction, points: Fraction, *, side: int, tick_size: Decimal) -> Decimal:
    """Round `points` beside a price to the tick size, ties away from it, at least a tick from it on its `side`."""
    tick = Fraction(tick_size)
    steps = (price + side * points) / tick
    if side > 0:
        number = max(floor(steps + HALF), ceil(price / tick + 1))
    else:
        number = min(ceil(steps - HALF), floor(price / tick - 1))
    return number * tick_size


def nearest_level(price: Fraction, *, towards: int, tick_size: Decimal) -> Decimal:
    """Round a price to the tick size, ties `towards` a side (+1 up)."""
    steps = price / Fraction(tick_size)
    return (floor(steps + HALF) if towards > 0 else ceil(steps - HALF)) * tick_size


def lies_on_wrong_side(distance: Distance, *, average: Fraction, side: int) -> bool:
    """Tell whether a level given as a price lies on the other side of the average than it must."""
    return distance.kind == "price" and (Fraction(distance.value) - average) * side < 0


def decimal_before(price: Fraction, *, side: int) -> Decimal:
    """Write a price as a decimal, exactly or a grain short of it as seen by one who comes from the other `side`."""
    grains = price * _GRAIN
    return Decimal(floor(grains) if side > 0 else ceil(grains)) / _GRAIN
