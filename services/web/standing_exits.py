"""Where an open position stops and takes profit as of the last tick; pages and programs are shown the same."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from services.web.standing import Seen
from shared.domain.exits import TargetLeg
from shared.domain.numbers import plain
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
    return _exits(row, _best_tick(row, seen)) if row.status == "open" else NO_EXITS


class RememberedExits:
    """The exits of open positions, computed again only where the position or its best tick is another one."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[tuple[object, ...], StandingExits]] = {}

    def of(self, row: Any, seen: Seen) -> StandingExits:
        """Return the exits of an open position's row after what was seen since."""
        best = _best_tick(row, seen)
        asked = (row.version, best)
        known = self._known.get(row.id)
        if known is None or known[0] != asked:
            known = self._known[row.id] = asked, _exits(row, best)
        return known[1]

    def forget_all_but(self, position_ids: Collection[int]) -> None:
        """Forget the positions that are not among these."""
        self._known = {key: known for key, known in self._known.items() if key in position_ids}


def exit_fields(exits: StandingExits) -> dict[str, Any]:
    """Describe exits as programs get them; the prices of targets are written out."""
    targets = [{"price": plain(leg.level.price), "quantity": leg.quantity} for leg in exits.targets]
    return {"stop_price": exits.stop_price, "stop_reason": exits.stop_reason, "targets": targets}


def _exits(row: Any, best_tick: Decimal | None) -> StandingExits:
    plan = exit_plan_from_json(row.exit_plan)
    stop = MovingStop(plan=plan, direction=direction_of(row.side), contract=row).standing(best_tick)
    return StandingExits(
        stop_price=stop.level.price if stop else None, stop_reason=stop.reason if stop else None, targets=plan.targets
    )


def _best_tick(row: Any, seen: Seen) -> Decimal | None:
    prices = [price for price in (row.best_since_entry, seen.lowest, seen.highest) if price is not None]
    return max(prices, key=lambda price: price * direction_of(row.side), default=None)
