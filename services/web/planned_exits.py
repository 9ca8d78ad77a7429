"""The exits that a position gets, those that move with the price included; the tester's page and API say the same."""

from dataclasses import dataclass
from decimal import Decimal

from shared.domain.average_down import affordable_quantity, average_down_threshold
from shared.domain.distances import decimal_before
from shared.domain.exit_rules import BreakEvenRule, TrailRule
from shared.domain.exits import TargetLeg
from shared.domain.position import Position
from shared.domain.trades import ExitReason


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedExits:
    """The stop that stands and why, what will move it, the targets nearest first, and the session's end (ns, UTC).

    `break_even_price` is where break-even puts the stop, `average_down_price` what a tick has to reach.
    """

    stop_price: Decimal | None
    stop_reason: ExitReason | None
    trail: TrailRule | None
    break_even: BreakEvenRule | None
    break_even_price: Decimal | None
    targets: tuple[TargetLeg, ...]
    average_down_quantity: int
    average_down_price: Decimal | None
    closes_at: int | None


def planned_exits(position: Position) -> PlannedExits:
    """List the exits of an open position; rules that can move none of them are left out."""
    plan, stop, adds_at = position.plan, position.stop, average_down_threshold(position)
    return PlannedExits(
        stop_price=stop.level.price if stop else None,
        stop_reason=stop.reason if stop else None,
        trail=plan.rules.trail if plan.stop else None,
        break_even=plan.rules.break_even,
        break_even_price=position.moving_stop.break_even_price,
        targets=plan.targets,
        average_down_quantity=affordable_quantity(position),
        average_down_price=None if adds_at is None else decimal_before(adds_at, side=-position.direction),
        closes_at=plan.closes_at,
    )
