"""A stop that follows the best price in steps: a function of that price alone; who holds the position is not known.

Prices here are seen so that up is favourable: those of a short position with the opposite sign.
"""

from decimal import Decimal
from math import ceil, floor

from msgspec import Struct

from shared.domain.distances import HALF, decimal_before, level_beside
from shared.domain.exact_fraction import Fraction


class Trail(Struct, frozen=True, kw_only=True, gc=False):
    """A stop planned at `planned` that stays `distance` points below the best price, moving by `step_ticks`."""

    planned: Decimal
    distance: Fraction
    tick_size: Decimal
    step_ticks: int

    def stop_at(self, best: Decimal) -> Decimal:
        """Return where the stop stands once `best` was seen."""
        return self.planned + self._steps_at(best) * self._step

    def next_step_after(self, best: Decimal) -> Decimal:
        """Return a price that the best one must reach before the stop moves again."""
        tick = Fraction(self.tick_size)
        number = ceil(Fraction(self.planned + (self._steps_at(best) + 1) * self._step) / tick)
        return decimal_before(max((number + 1) * tick, (number - HALF) * tick + self.distance), side=1)

    @property
    def reach(self) -> Decimal:
        """Return how far at least the price must fall from the best one to reach the stop."""
        tick = Fraction(self.tick_size)
        return decimal_before(max(self.distance - tick / 2, tick), side=1)

    @property
    def _step(self) -> Decimal:
        return self.step_ticks * self.tick_size

    def _steps_at(self, best: Decimal) -> int:
        wanted = level_beside(Fraction(best), self.distance, side=-1, tick_size=self.tick_size)
        return max(floor(Fraction(wanted - self.planned) / Fraction(self._step)), 0)
