"""The prices between which nothing happens to a position, so that a tick between them need not ask the fold."""

from decimal import Decimal

from shared.domain.average_down import average_down_threshold
from shared.domain.distances import decimal_before
from shared.domain.level_book import EVERY_PRICE
from shared.domain.position import Position
from shared.domain.trades import LONG

Range = tuple[Decimal | None, Decimal | None]


def quiet_range(position: Position) -> Range:
    """Return the next price below and above at which anything happens, a move of the stop included."""
    against, favourable = _exits(position)
    return _as_range(position, against, _nearest(position, favourable, *_stop_moves(position), _trigger(position)))


def execution_range(position: Position) -> Range:
    """Return the next price below and above at which something is filled, while the stop stands where it does."""
    return _as_range(position, *_exits(position))


def trigger_range(position: Position) -> Range:
    """Return the price below or above at which the stop begins to trail or break-even begins."""
    return _as_range(position, None, _trigger(position))


def _exits(position: Position) -> tuple[Decimal | None, Decimal | None]:
    """The nearest price against the position and the nearest in favour at which there is a fill; any if overdue."""
    standing = position.stop
    stop = standing.level if standing else None
    target = position.plan.targets[0].level if position.plan.targets else None
    if (stop and stop.overdue) or (target and target.overdue):
        return EVERY_PRICE * position.direction, None
    threshold = average_down_threshold(position)
    against = [stop.price] if stop else []
    if threshold is not None:
        against.append(decimal_before(threshold, side=-position.direction))
    nearest = max(against, key=lambda price: price * position.direction, default=None)
    return nearest, target.price if target else None


def _trigger(position: Position) -> Decimal | None:
    return _nearest(position, *position.moving_stop.triggers(position.best_tick))


def _stop_moves(position: Position) -> list[Decimal]:
    moving, direction = position.moving_stop, position.direction
    trail = moving.active_trail(position.best_tick)
    return [trail.next_step_after(moving.best_favourable(position.best_tick)) * direction] if trail else []


def _nearest(position: Position, *prices: Decimal | None) -> Decimal | None:
    """The favourable price that comes first."""
    found = [price for price in prices if price is not None]
    return min(found, key=lambda price: price * position.direction, default=None)


def _as_range(position: Position, against: Decimal | None, favourable: Decimal | None) -> Range:
    return (against, favourable) if position.direction == LONG else (favourable, against)
