"""Places the exits of a position at an entry, from its average entry then; nothing is executed here."""

from decimal import Decimal
from math import floor

from msgspec.structs import replace

from shared.domain.contracts import Contract
from shared.domain.distances import level_price
from shared.domain.exact_fraction import Fraction
from shared.domain.exit_rules import Distance, ExitRules, TargetRule
from shared.domain.exits import EntryBasis, ExitPlan, Level, TargetLeg, is_reached
from shared.domain.session_end import first_cut_off
from shared.domain.standing_stop import MovingStop


def plan_exits(
    rules: ExitRules,
    basis: EntryBasis,
    *,
    direction: int,
    contract: Contract,
    opened_at: int,
    last_price: Decimal | None,
) -> ExitPlan:
    """Place every exit for the whole quantity; `last_price` tells which levels are overdue."""

    def place(distance: Distance, side: int) -> Level:
        level = Level(price=level_price(distance, average=basis.average, side=side, contract=contract))
        return _passed(level, last_price, side)

    placed = sorted(
        ((place(rule.distance, direction), rule) for rule in rules.targets),
        key=lambda pair: pair[0].price * direction,
    )
    legs = [TargetLeg(level=level, quantity=_leg_quantity(rule, basis.quantity)) for level, rule in placed]
    if legs:
        legs[-1] = replace(legs[-1], quantity=None)
    plan = ExitPlan(
        rules=rules,
        basis=basis,
        stop=place(rules.stop, -direction) if rules.stop else None,
        targets=tuple(legs),
        closes_at=first_cut_off(rules.session_end, opened_at) if rules.session_end else None,
    )
    return _with_stop_overdue(plan, direction, contract, last_price)


def _with_stop_overdue(plan: ExitPlan, direction: int, contract: Contract, last_price: Decimal | None) -> ExitPlan:
    """Mark the stop overdue if it stands beyond the last tick, because the entry's own price has trailed it there."""
    standing = MovingStop(plan=plan, direction=direction, contract=contract).standing(None)
    if plan.stop is None or standing is None:
        return plan
    overdue = _passed(standing.level, last_price, -direction).overdue
    return replace(plan, stop=replace(plan.stop, overdue=overdue))


def _passed(level: Level, last_price: Decimal | None, side: int) -> Level:
    return replace(level, overdue=last_price is not None and is_reached(level, last_price, side))


def _leg_quantity(rule: TargetRule, quantity: int) -> int | None:
    if rule.trim is None:
        return None
    if rule.trim_in_percent:
        return max(1, floor(Fraction(rule.trim) * quantity / 100))
    return int(rule.trim)
