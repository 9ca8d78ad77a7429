"""What holds for an entry: the exits it is planned with and the size that a stated risk allows."""

from decimal import Decimal
from math import floor
from typing import get_args

from msgspec.structs import replace

from shared.domain.contracts import Contract
from shared.domain.distances import level_price, lies_on_wrong_side
from shared.domain.exact_fraction import Fraction
from shared.domain.exit_rules import (
    AverageDownRule,
    BreakEvenRule,
    Distance,
    DistanceKind,
    ExitRules,
    SessionEndRule,
    TargetRule,
    TrailRule,
)
from shared.domain.numbers import plain
from shared.domain.overrides import ExitOverride, Overrides, resolve_bare
from shared.domain.recorder_settings import RecorderSettings, Unit
from shared.domain.refusals import SignalRefused

_KINDS: dict[Unit, DistanceKind] = {"Ticks": "ticks", "Points": "points", "Percent": "percent", "Dollars": "dollars"}


def rules_for_entry(
    settings: RecorderSettings, overrides: Overrides, fill_price: Decimal, standing: ExitRules | None
) -> ExitRules:
    """Settle the exits of an entry: the signal's own, else those an earlier entry overrode, else the settings'."""
    rules = _rules_of_settings(settings)
    if standing and standing.stop_overridden:
        rules = replace(rules, stop=standing.stop, stop_overridden=True)
    if standing and standing.targets_overridden:
        rules = replace(rules, targets=standing.targets, targets_overridden=True)
    if overrides.stop:
        rules = replace(rules, stop=_distance(overrides.stop, fill_price), stop_overridden=True)
    if overrides.targets:
        rules = replace(rules, targets=_targets(overrides, fill_price), targets_overridden=True)
    return rules


def refuse_exits_on_wrong_side(rules: ExitRules, overrides: Overrides, *, average: Fraction, direction: int) -> None:
    """Raise SignalRefused where this signal puts a stop on the winning or a target on the losing side."""
    if overrides.stop and rules.stop and lies_on_wrong_side(rules.stop, average=average, side=-direction):
        raise SignalRefused(f"stop loss: {plain(rules.stop.value)} lies on the winning side of the entry")
    if not overrides.targets:
        return
    for target in rules.targets:
        if lies_on_wrong_side(target.distance, average=average, side=direction):
            raise SignalRefused(f"take profit: {plain(target.distance.value)} lies on the losing side of the entry")


def risk_quantity(
    risk_dollars: Decimal, rules: ExitRules, *, fill_price: Decimal, direction: int, contract: Contract
) -> int:
    """Return how many contracts lose at most `risk_dollars` at the stop; raises SignalRefused below one."""
    if rules.stop is None:
        raise SignalRefused(f"risk_dollars: {plain(risk_dollars)} needs a stop loss to size the position")
    stop = level_price(rules.stop, average=Fraction(fill_price), side=-direction, contract=contract)
    at_stake = abs(Fraction(fill_price) - Fraction(stop)) * Fraction(contract.multiplier)
    quantity = floor(Fraction(risk_dollars) / at_stake)
    if quantity < 1:
        raise SignalRefused(f"risk_dollars: {plain(risk_dollars)} is less than one contract risks at this stop")
    return quantity


def _rules_of_settings(settings: RecorderSettings) -> ExitRules:
    targets = tuple(
        TargetRule(
            distance=Distance(kind=_KINDS[settings.tp_units], value=target.value),
            trim=None if target.trim is None else Decimal(target.trim),
            trim_in_percent=settings.trim_units == "Percent",
        )
        for target in settings.tp_targets
    )
    stop = Distance(kind=_KINDS[settings.sl_units], value=settings.sl_amount) if settings.sl_enabled else None
    return ExitRules(
        stop=stop,
        targets=targets,
        stop_at_level=settings.stop_fill == "level",
        commission=settings.commission,
        trail=_trail(settings),
        break_even=_break_even(settings),
        average_down=_average_down(settings),
        session_end=_session_end(settings),
    )


def _trail(settings: RecorderSettings) -> TrailRule | None:
    if settings.sl_type != "Trail":
        return None
    return TrailRule(trigger_ticks=settings.trail_trigger, step_ticks=settings.trail_freq or 1)


def _break_even(settings: RecorderSettings) -> BreakEvenRule | None:
    if not settings.break_even_enabled:
        return None
    return BreakEvenRule(trigger_ticks=settings.break_even_ticks, offset_ticks=settings.break_even_offset)


def _average_down(settings: RecorderSettings) -> AverageDownRule | None:
    if not settings.avg_down_enabled:
        return None
    return AverageDownRule(
        distance=Distance(kind=_KINDS[settings.avg_down_units], value=settings.avg_down_point),
        quantity=settings.avg_down_amount,
        max_contracts=settings.max_contracts,
    )


def _session_end(settings: RecorderSettings) -> SessionEndRule | None:
    return (
        SessionEndRule(clock=settings.session_end, timezone=settings.timezone)
        if settings.session_end is not None
        else None
    )


def _targets(overrides: Overrides, fill_price: Decimal) -> tuple[TargetRule, ...]:
    rules = []
    for target in overrides.targets:
        distance = _distance(target.exit, fill_price)
        if distance:
            rules.append(TargetRule(distance=distance, trim=target.trim_percent, trim_in_percent=True))
    return tuple(rules)


def _distance(override: ExitOverride, fill_price: Decimal) -> Distance | None:
    resolved = resolve_bare(override, fill_price)
    for kind in get_args(DistanceKind):
        if resolved.kind == kind:
            return Distance(kind=kind, value=resolved.value)
    return None
