"""Where the stop of a position stands: the best of the planned, the trailed and the break-even one.

A function of the plan and the best tick since the last entry; it executes nothing.
"""

from decimal import Decimal

from msgspec import Struct

from shared.domain.distances import Scale, decimal_before, nearest_level, points_of
from shared.domain.exact_fraction import Fraction
from shared.domain.exits import ExitPlan, Level
from shared.domain.trades import ExitReason
from shared.domain.trail import Trail


class StandingStop(Struct, frozen=True, kw_only=True, gc=False):
    """A stop and why it stands there."""

    level: Level
    reason: ExitReason


class MovingStop(Struct, frozen=True, kw_only=True, gc=False):
    """The stop of a position, as a function of the best tick since its last entry; None: there was none yet."""

    plan: ExitPlan
    direction: int
    contract: Scale

    def standing(self, best_tick: Decimal | None) -> StandingStop | None:
        """Return the stop that stands, if one does."""
        plan, direction = self.plan, self.direction
        places: list[tuple[Decimal, ExitReason]] = []
        if plan.stop:
            places.append((plan.stop.price, ExitReason.SL))
        trail = self.active_trail(best_tick)
        if trail:
            places.append((direction * trail.stop_at(self.best_favourable(best_tick)), ExitReason.TRAIL))
        rule, break_even = plan.rules.break_even, self.break_even_price
        if rule and break_even is not None and self._is_favourable(best_tick, rule.trigger_ticks):
            places.append((break_even, ExitReason.BREAK_EVEN))
        if not places:
            return None
        price, reason = max(places, key=lambda place: place[0] * direction)
        return StandingStop(level=Level(price=price, overdue=bool(plan.stop and plan.stop.overdue)), reason=reason)

    @property
    def break_even_price(self) -> Decimal | None:
        """Return where break-even puts the stop, if the plan has it."""
        rule = self.plan.rules.break_even
        if rule is None:
            return None
        wanted = self.plan.basis.average + self.direction * Fraction(rule.offset_ticks * self.contract.tick_size)
        return nearest_level(wanted, towards=self.direction, tick_size=self.contract.tick_size)

    def active_trail(self, best_tick: Decimal | None) -> Trail | None:
        """Return how the stop trails, if it does so by now."""
        rule, stop = self.plan.rules.trail, self.plan.stop
        if rule is None or stop is None:
            return None
        best = self.best_favourable(best_tick) * self.direction
        if not self._is_favourable(best, rule.trigger_ticks):
            return None
        return Trail(
            planned=stop.price * self.direction,
            distance=self._stop_distance(),
            tick_size=self.contract.tick_size,
            step_ticks=rule.step_ticks,
        )

    def best_favourable(self, best_tick: Decimal | None) -> Decimal:
        """Return the best price since the last entry, its own fill included, so that up is favourable."""
        entry = self.plan.basis.price * self.direction
        return entry if best_tick is None else max(entry, best_tick * self.direction)

    def triggers(self, best_tick: Decimal | None) -> list[Decimal]:
        """Return the prices in favour at which the stop begins to trail and at which break-even begins."""
        rules, found = self.plan.rules, []
        if rules.trail and self.plan.stop and not self.active_trail(best_tick):
            found.append(self._trigger(rules.trail.trigger_ticks))
        if rules.break_even and not self._is_favourable(best_tick, rules.break_even.trigger_ticks):
            found.append(self._trigger(rules.break_even.trigger_ticks))
        return found

    def _is_favourable(self, price: Decimal | None, ticks: Decimal) -> bool:
        if price is None:
            return False
        return (Fraction(price) - self.plan.basis.average) * self.direction >= Fraction(ticks * self.contract.tick_size)

    def _trigger(self, ticks: Decimal) -> Decimal:
        exactly = self.plan.basis.average + self.direction * Fraction(ticks * self.contract.tick_size)
        return decimal_before(exactly, side=self.direction)

    def _stop_distance(self) -> Fraction:
        stop, basis = self.plan.rules.stop, self.plan.basis
        if stop is None:
            return Fraction(0)
        average = basis.average if stop.kind == "price" else basis.planned_average
        return points_of(stop, average=average, side=-self.direction, contract=self.contract)
