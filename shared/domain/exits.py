"""Where a position takes profit and where it stops: levels planned from its average entry; nothing is executed here."""

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Literal

from shared.domain.contracts import Contract
from shared.domain.trades import LONG

DistanceKind = Literal["ticks", "points", "percent", "dollars", "price"]
EVERY_PRICE = Decimal("Infinity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """How far from the average entry a level lies, or (`price`) where it lies."""

    kind: DistanceKind
    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRule:
    """A take-profit leg as asked for; `trim` None takes what is left."""

    distance: Distance
    trim: Decimal | None = None
    trim_in_percent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRules:
    """What the exits are planned from, settled at each entry; `commission` is per contract and side."""

    stop: Distance | None = None
    targets: tuple[TargetRule, ...] = ()
    stop_at_level: bool = False
    stop_overridden: bool = False
    targets_overridden: bool = False
    commission: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A price at which something happens; an overdue one was passed when planned and is due at the next tick."""

    price: Decimal
    overdue: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLeg:
    """A take-profit level and the contracts it closes; None closes what is left."""

    level: Level
    quantity: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitPlan:
    """The standing exits of a position, targets nearest first."""

    rules: ExitRules
    stop: Level | None = None
    targets: tuple[TargetLeg, ...] = ()

    def without_first_target(self) -> "ExitPlan":
        """Drop the nearest target, which was executed."""
        return replace(self, targets=self.targets[1:])


def plan_exits(
    rules: ExitRules,
    *,
    average: Fraction,
    direction: int,
    quantity: int,
    contract: Contract,
    last_price: Decimal | None,
) -> ExitPlan:
    """Place every exit for the whole quantity; `last_price` tells which levels are overdue."""
    stop = _level(rules.stop, average, -direction, contract, last_price) if rules.stop else None
    placed = sorted(
        ((_level(rule.distance, average, direction, contract, last_price), rule) for rule in rules.targets),
        key=lambda pair: pair[0].price * direction,
    )
    legs = [TargetLeg(level=level, quantity=_leg_quantity(rule, quantity)) for level, rule in placed]
    if legs:
        legs[-1] = replace(legs[-1], quantity=None)
    return ExitPlan(rules=rules, stop=stop, targets=tuple(legs))


def level_price(distance: Distance, *, average: Fraction, side: int, contract: Contract) -> Decimal:
    """Round a level to the tick size, ties away from the average, at least a tick from it on its `side` (+1 above)."""
    tick_size = Fraction(contract.tick_size)
    steps = _wanted(distance, average, side, contract) / tick_size
    half = Fraction(1, 2)
    if side > 0:
        number = max(floor(steps + half), ceil(average / tick_size + 1))
    else:
        number = min(ceil(steps - half), floor(average / tick_size - 1))
    return number * contract.tick_size


def lies_on_wrong_side(distance: Distance, *, average: Fraction, side: int) -> bool:
    """Tell whether a level given as a price lies on the other side of the average than it must."""
    return distance.kind == "price" and (Fraction(distance.value) - average) * side < 0


def next_levels(plan: ExitPlan, direction: int) -> tuple[Decimal | None, Decimal | None]:
    """Return the next price below and above at which anything happens; an overdue exit happens at every price."""
    levels = [plan.stop, plan.targets[0].level if plan.targets else None]
    if any(level.overdue for level in levels if level):
        return EVERY_PRICE, None
    against, favourable = (level.price if level else None for level in levels)
    return (against, favourable) if direction == LONG else (favourable, against)


def is_reached(level: Level, price: Decimal, side: int) -> bool:
    """Tell whether a tick at `price` executes a level that lies on `side` (+1 above) of the average."""
    return level.overdue or price * side >= level.price * side


def _wanted(distance: Distance, average: Fraction, side: int, contract: Contract) -> Fraction:
    value = Fraction(distance.value)
    match distance.kind:
        case "price":
            return value
        case "ticks":
            points = value * Fraction(contract.tick_size)
        case "points":
            points = value
        case "percent":
            points = average * value / 100
        case "dollars":
            points = value / Fraction(contract.multiplier)
    return average + side * points


def _level(distance: Distance, average: Fraction, side: int, contract: Contract, last_price: Decimal | None) -> Level:
    level = Level(price=level_price(distance, average=average, side=side, contract=contract))
    return replace(level, overdue=last_price is not None and is_reached(level, last_price, side))


def _leg_quantity(rule: TargetRule, quantity: int) -> int | None:
    if rule.trim is None:
        return None
    if rule.trim_in_percent:
        return max(1, floor(Fraction(rule.trim) * quantity / 100))
    return int(rule.trim)
