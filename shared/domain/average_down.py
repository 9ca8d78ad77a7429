"""At which price a position is added to against its last entry, and how much; it adds nothing itself."""

from decimal import Decimal

from shared.domain.distances import points_of
from shared.domain.exact_fraction import Fraction
from shared.domain.position import Position


def average_down_quantity(position: Position, price: Decimal) -> int:
    """Return how many contracts a tick at `price` adds: 0 if it is not far enough, or if there is no room."""
    threshold = average_down_threshold(position)
    if threshold is None or (Fraction(price) - threshold) * position.direction > 0:
        return 0
    return affordable_quantity(position)


def average_down_threshold(position: Position) -> Fraction | None:
    """Return the price at which a tick adds; None where there is no such rule or no room."""
    rule, basis = position.plan.rules.average_down, position.plan.basis
    if rule is None or not affordable_quantity(position):
        return None
    side = -position.direction
    points = points_of(rule.distance, average=basis.planned_average, side=side, contract=position.contract)
    return Fraction(basis.price) + side * points


def affordable_quantity(position: Position) -> int:
    """Return how much the next tick that is far enough adds; 0 without such a rule or without room."""
    rule = position.plan.rules.average_down
    return max(min(rule.quantity, rule.max_contracts - position.quantity), 0) if rule else 0
