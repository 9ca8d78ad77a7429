"""What ticks may do to the open positions of one symbol, so that the others need not be looked at.

Trailing stops move in here, without the fold: where they stand is a function of the prices that were seen.
"""

from decimal import Decimal

from msgspec.structs import replace

from shared.domain.due_times import DueTimes
from shared.domain.extremes import PriceRange
from shared.domain.level_book import EVERY_PRICE, LevelBook
from shared.domain.marking import best_tick_after
from shared.domain.position import Position
from shared.domain.trades import LONG, SHORT
from shared.domain.trailing_book import TrailingBook
from shared.domain.watch import execution_range, trigger_range


class WatchedExits:
    """By position: the prices that fill something, the one that sets its stop in motion, its trail, its session's end.

    Of `trails` the side's direction makes up favourable.
    """

    def __init__(self) -> None:
        self._fills: LevelBook[int] = LevelBook()
        self._triggers: LevelBook[int] = LevelBook()
        self._trails: dict[int, TrailingBook[int]] = {LONG: TrailingBook(), SHORT: TrailingBook()}
        self._session_ends: DueTimes[int] = DueTimes()
        self._latest = 0
        self._look_for_quiet()

    def are_quiet(self, lowest: Decimal, highest: Decimal, latest: int) -> bool:
        """Take ticks if they do nothing, known by their extremes and latest moment, which is so for nearly all."""
        if self._below < lowest and highest < self._above and self._lowest <= lowest and highest <= self._highest:
            quiet = latest < self._closes_at
            if quiet and latest > self._latest:
                self._latest = latest
            return quiet
        return False

    def reached(self, price: Decimal, occurred_at: int) -> tuple[set[int], list[int]]:
        """Take a tick; return the positions it may fill something of, and those whose stop it sets in motion."""
        self._latest = max(self._latest, occurred_at)
        filled = {*self._fills.reached(price), *self._session_ends.reached(self._latest)}
        for direction, trails in self._trails.items():
            if trails:
                filled.update(trails.reached(price * direction))
        triggered = self._triggers.reached(price)
        self._look_for_quiet()
        return filled, triggered

    def watch(self, position_id: int, position: Position, seen: PriceRange | None, unsure: PriceRange | None) -> bool:
        """Watch a position that has `seen` these prices since its place; False if it may have filled something.

        That is known not to be so but for the prices of which we are `unsure`. A stop that moved on the way counts
        as if it had stood there all the time: the fold knows better.
        """
        if seen:
            position = replace(position, best_tick=best_tick_after(position, seen.lowest, seen.highest))
        below, above = execution_range(position)
        closes_at = position.plan.closes_at
        if unsure and (
            (below is not None and unsure.lowest <= below)
            or (above is not None and unsure.highest >= above)
            or (closes_at is not None and closes_at <= self._latest)
        ):
            return False
        self._fills.add(position_id, below, above)
        self._triggers.add(position_id, *trigger_range(position))
        if closes_at is not None:
            self._session_ends.add(position_id, closes_at)
        self._follow(position_id, position)
        self._lowest, self._highest = EVERY_PRICE, -EVERY_PRICE  # the next tick looks
        return True

    def remove(self, position_id: int) -> None:
        """Forget a position; one that is not watched is no error."""
        self._fills.remove(position_id)
        self._triggers.remove(position_id)
        self._session_ends.remove(position_id)
        for trails in self._trails.values():
            trails.remove(position_id)

    def _follow(self, position_id: int, position: Position) -> None:
        moving = position.moving_stop
        trail = moving.active_trail(position.best_tick)
        if trail:
            best = moving.best_favourable(position.best_tick)
            self._trails[position.direction].add(position_id, best, trail)

    def _look_for_quiet(self) -> None:
        """Find between which prices, and before which moment, a tick does nothing: no level, no new best price."""
        rising, falling = self._trails[LONG], self._trails[SHORT]
        fills, triggers = self._fills.quiet_between, self._triggers.quiet_between
        self._below = max(fills[0], triggers[0], rising.quiet_above)
        self._above = min(fills[1], triggers[1], falling.quiet_above.copy_negate())
        self._lowest, self._highest = falling.best.copy_negate(), rising.best
        self._closes_at = self._session_ends.quiet_until
