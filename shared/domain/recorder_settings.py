"""The settings of a recorder, their defaults and how they read; saving them is not its business."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import time
from decimal import Decimal
from typing import Any, Literal, TypeVar, get_args

from shared.domain.numbers import plain
from shared.domain.refusals import ValueRefused
from shared.domain.setting_values import amount, at_least_one, flag, line, one_of, timezone_name, whole
from shared.domain.take_profit import HUNDRED, TakeProfitTarget, TrimUnit, parse_targets, sized_targets
from shared.domain.time_windows import TimeWindow, format_clock, parse_clock, parse_window

__all__ = [
    "NOT_YET",
    "RecorderSettings",
    "SettingsRefused",
    "TakeProfitTarget",
    "TimeWindow",
    "parse_recorder_settings",
    "settings_as_json",
]

Unit = Literal["Ticks", "Points", "Percent", "Dollars"]
Value = TypeVar("Value")

ZERO = Decimal(0)
UNITS: tuple[Unit, ...] = get_args(Unit)
NOT_YET = (
    "sl_type trail_trigger trail_freq break_even_enabled break_even_ticks break_even_offset"
    " avg_down_enabled avg_down_amount avg_down_point avg_down_units inverse direction_filter"
    " time_filter_1 time_filter_2 session_end cooldown_seconds max_signals_per_session"
    " max_daily_loss take_every duplicate_window_seconds"
).split()


class SettingsRefused(ValueError):
    """Some settings are wrong; `errors` maps each field to its reason."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__("; ".join(f"{name}: {reason}" for name, reason in self.errors.items()))


def _setting(default: Value, read: Callable[[object], Value]) -> Value:
    """Declare a setting; the reader stands in the field's metadata."""
    return field(default=default, metadata={"read": read})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderSettings:
    """One recorder's settings; distances are in the units that stand beside them, times of day in `timezone`."""

    name: str = field(metadata={"read": line})
    symbol: str | None = _setting(None, line)
    strategy_type: str = _setting("Futures", line)
    recording_enabled: bool = _setting(default=True, read=flag)
    initial_position_size: int = _setting(1, whole)
    add_position_size: int = _setting(1, whole)
    same_direction: Literal["add", "ignore"] = _setting("add", one_of("add", "ignore"))
    opposite_signal: Literal["reverse", "close", "reduce", "ignore"] = _setting(
        "reverse", one_of("reverse", "close", "reduce", "ignore")
    )
    fill_price: Literal["signal", "market"] = _setting("signal", one_of("signal", "market"))
    max_price_deviation: Decimal = _setting(Decimal(10), amount)
    tp_units: Unit = _setting("Ticks", one_of(*UNITS))
    trim_units: TrimUnit = _setting("Contracts", one_of("Contracts", "Percent"))
    tp_targets: tuple[TakeProfitTarget, ...] = _setting((), parse_targets)
    sl_enabled: bool = _setting(default=False, read=flag)
    sl_amount: Decimal = _setting(ZERO, amount)
    sl_units: Unit = _setting("Ticks", one_of(*UNITS))
    sl_type: Literal["Fixed", "Trail"] = _setting("Fixed", one_of("Fixed", "Trail"))
    stop_fill: Literal["observed", "level"] = _setting("observed", one_of("observed", "level"))
    trail_trigger: Decimal = _setting(ZERO, amount)
    trail_freq: Decimal = _setting(ZERO, amount)
    break_even_enabled: bool = _setting(default=False, read=flag)
    break_even_ticks: Decimal = _setting(ZERO, amount)
    break_even_offset: Decimal = _setting(ZERO, amount)
    avg_down_enabled: bool = _setting(default=False, read=flag)
    avg_down_amount: int = _setting(0, whole)
    avg_down_point: Decimal = _setting(ZERO, amount)
    avg_down_units: Unit = _setting("Ticks", one_of(*UNITS))
    inverse: bool = _setting(default=False, read=flag)
    direction_filter: Literal["Both", "Long", "Short"] = _setting("Both", one_of("Both", "Long", "Short"))
    time_filter_1: TimeWindow | None = _setting(None, parse_window)
    time_filter_2: TimeWindow | None = _setting(None, parse_window)
    timezone: str = _setting("America/New_York", timezone_name)
    session_end: time | None = _setting(None, parse_clock)
    cooldown_seconds: int = _setting(0, whole)
    max_signals_per_session: int = _setting(0, whole)
    max_daily_loss: Decimal = _setting(ZERO, amount)
    max_contracts: int = _setting(0, whole)
    take_every: int = _setting(1, at_least_one)
    commission: Decimal = _setting(ZERO, amount)
    duplicate_window_seconds: int = _setting(0, whole)


READERS = {each.name: each.metadata["read"] for each in fields(RecorderSettings)}
DEFAULTS = RecorderSettings(name="")


def parse_recorder_settings(mapping: Mapping[str, object]) -> RecorderSettings:
    """Read settings from JSON or a form, null and blanks as not given; raises SettingsRefused with every error."""
    values: dict[str, Any] = {}
    errors = {name: "is not a setting" for name in mapping if name not in READERS}
    for name, read in READERS.items():
        given = mapping.get(name)
        if given is None or (isinstance(given, str) and not given.strip()):
            continue
        try:
            values[name] = read(given)
        except ValueRefused as refusal:
            errors[name] = str(refusal)
    settings = replace(DEFAULTS, **values)
    try:
        settings = replace(settings, tp_targets=sized_targets(settings.tp_targets, settings.trim_units))
    except ValueRefused as refusal:
        errors["tp_targets"] = str(refusal)
    errors = {**dict(_contradictions(settings)), **errors}
    if errors:
        raise SettingsRefused(errors)
    return settings


def settings_as_json(settings: RecorderSettings) -> dict[str, object]:
    """Write settings so that `parse_recorder_settings` reads them back; prices and amounts as strings."""
    return {each.name: _as_json(getattr(settings, each.name)) for each in fields(settings)}


def _contradictions(settings: RecorderSettings) -> Iterator[tuple[str, str]]:
    if not settings.name:
        yield "name", "is missing"
    if settings.sl_enabled and settings.sl_amount == 0:
        yield "sl_amount", "must be more than 0 while the stop loss is on"
    if settings.sl_units == "Percent" and settings.sl_amount >= HUNDRED:
        yield "sl_amount", "must be less than 100 per cent"
    for name in NOT_YET:
        if getattr(settings, name) != getattr(DEFAULTS, name):
            yield name, "not available yet"


def _as_json(value: object) -> object:
    match value:
        case Decimal():
            return plain(value)
        case time():
            return format_clock(value)
        case TimeWindow():
            return {"start": format_clock(value.start), "stop": format_clock(value.stop)}
        case TakeProfitTarget():
            return {"value": plain(value.value), "trim": _as_json(value.trim)}
        case tuple():
            return [_as_json(each) for each in value]
    return value
