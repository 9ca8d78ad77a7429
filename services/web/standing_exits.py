"""Where an open position stops and takes profit as of the last tick; pages and programs are shown the same."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from services.web.standing import Seen
from shared.domain.exits import TargetLeg
from shared.domain.standing_stop import MovingStop
from shared.domain.trades import ExitReason
from shared.store.position_rows import direction_of, exit_plan_from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingExits:
    """The stop that stands, why it does, and the targets that are left, nearest first."""

    stop_price: Decimal | None
    stop_reason: ExitReason | None
    targets: tuple[TargetLeg, ...]


NO_EXITS = StandingExits(stop_price=None, stop_reason=None, targets=())


def standing_exits(row: Any, seen: Seen) -> StandingExits:
    """Compute the exits of a position's row after what was seen since; a closed one has none.

    The row has its contract's `tick_size` and `multiplier`.
    """
    if row.status != "open":
        return NO_EXITS
    plan = exit_plan_from_json(row.exit_plan)
    moving = MovingStop(plan=plan, direction=direction_of(row.side), contract=row)
    prices = [price for price in (row.best_since_entry, seen.lowest, seen.highest) if price is not None]
    best = max(prices, key=lambda price: price * moving.direction, default=None)
    stop = moving.standing(best)
    return StandingExits(
        stop_price=stop.level.price if stop else None, stop_reason=stop.reason if stop else None, targets=plan.targets
    )
