"""An open position moved to the contract that its symbol stands for from now on; nothing is bought or sold by it.

All its prices move by the difference between the contracts, so every distance and every result stays what it was.
"""

from decimal import Decimal

from msgspec.structs import replace

from shared.domain.exit_rules import Distance, ExitRules
from shared.domain.exits import EntryBasis, ExitPlan, Level
from shared.domain.marking import Stretch
from shared.domain.position import Position
from shared.domain.ticks import RollMark
from shared.domain.trades import Lot


def roll(position: Position, mark: RollMark) -> Position:
    """Move a position's prices; trades and legs that ended stay as they were."""
    by = mark.difference
    return replace(
        position,
        place=mark.place,
        plan=_roll_plan(position.plan, by),
        lots=tuple(_roll_lot(lot, by) for lot in position.lots),
        stretch=_roll_stretch(position.stretch, by),
        worst_price=position.worst_price + by,
        entered_value=position.entered_value + by * position.quantity,
        last_price=None if position.last_price is None else position.last_price + by,
        best_tick=None if position.best_tick is None else position.best_tick + by,
        rolled=position.rolled + by,
    )


def _roll_lot(lot: Lot, by: Decimal) -> Lot:
    return replace(
        lot,
        entry_price=lot.entry_price + by,
        lowest=lot.lowest + by,
        highest=lot.highest + by,
        rolled=lot.rolled + by,
    )


def _roll_stretch(stretch: Stretch, by: Decimal) -> Stretch:
    return replace(stretch, lowest=stretch.lowest + by, highest=stretch.highest + by)


def _roll_plan(plan: ExitPlan, by: Decimal) -> ExitPlan:
    return replace(
        plan,
        rules=_roll_rules(plan.rules, by),
        basis=_roll_basis(plan.basis, by),
        stop=_roll_level(plan.stop, by) if plan.stop else None,
        targets=tuple(replace(leg, level=_roll_level(leg.level, by)) for leg in plan.targets),
    )


def _roll_basis(basis: EntryBasis, by: Decimal) -> EntryBasis:
    return replace(basis, price=basis.price + by, value=basis.value + by * basis.quantity, rolled=basis.rolled + by)


def _roll_level(level: Level, by: Decimal) -> Level:
    return replace(level, price=level.price + by)


def _roll_rules(rules: ExitRules, by: Decimal) -> ExitRules:
    """Prices that an alert set move, too: a later entry may inherit them."""
    return replace(
        rules,
        stop=_roll_distance(rules.stop, by) if rules.stop else None,
        targets=tuple(replace(target, distance=_roll_distance(target.distance, by)) for target in rules.targets),
    )


def _roll_distance(distance: Distance, by: Decimal) -> Distance:
    return replace(distance, value=distance.value + by) if distance.kind == "price" else distance
