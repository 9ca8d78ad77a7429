"""The settings of a recorder, their defaults and how they read; saving them is not its business."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import time
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from shared.domain.numbers import plain
from shared.domain.refusals import ValueRefused
from shared.domain.setting_values import Amount, Flag, Whole, at_least_one, line, one_of, timezone_name
from shared.domain.take_profit import HUNDRED, TakeProfitTarget, TrimUnit, parse_targets, sized_targets
from shared.domain.time_windows import TimeWindow, format_clock, parse_clock, parse_window

__all__ = [
    "RecorderSettings",
    "SettingsRefused",
    "TakeProfitTarget",
    "TimeWindow",
    "parse_recorder_settings",
    "settings_as_json",
]

Unit = Literal["Ticks", "Points", "Percent", "Dollars"]

ZERO = Decimal(0)


class SettingsRefused(ValueError):
    """Some settings are wrong; `errors` maps each field to its reason."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        sentences = "; ".join(f"{name}: {reason}" for name, reason in self.errors.items())
        super().__init__(" ".join(sentences.split()))  # one line, whatever a wrong key is made of


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderSettings:
    """One recorder's settings, each with its reader; times of day are in `timezone`, units stand beside distances."""

    name: Annotated[str, line]
    symbol: Annotated[str | None, line] = None
    strategy_type: Annotated[str, line] = "Futures"
    recording_enabled: Flag = True
    initial_position_size: Whole = 1
    add_position_size: Whole = 1
    same_direction: Literal["add", "ignore"] = "add"
    opposite_signal: Literal["reverse", "close", "reduce", "ignore"] = "reverse"
    fill_price: Literal["signal", "market"] = "signal"
    max_price_deviation: Amount = Decimal(10)
    tp_units: Unit = "Ticks"
    trim_units: TrimUnit = "Contracts"
    tp_targets: Annotated[tuple[TakeProfitTarget, ...], parse_targets] = ()
    sl_enabled: Flag = False
    sl_amount: Amount = ZERO
    sl_units: Unit = "Ticks"
    sl_type: Literal["Fixed", "Trail"] = "Fixed"
    stop_fill: Literal["observed", "level"] = "observed"
    trail_trigger: Amount = ZERO
    trail_freq: Whole = 0
    break_even_enabled: Flag = False
    break_even_ticks: Amount = ZERO
    break_even_offset: Amount = ZERO
    avg_down_enabled: Flag = False
    avg_down_amount: Whole = 0
    avg_down_point: Amount = ZERO
    avg_down_units: Unit = "Ticks"
    inverse: Flag = False
    direction_filter: Literal["Both", "Long", "Short"] = "Both"
    time_filter_1: Annotated[TimeWindow | None, parse_window] = None
    time_filter_2: Annotated[TimeWindow | None, parse_window] = None
    timezone: Annotated[str, timezone_name] = "America/New_York"
    session_end: Annotated[time | None, parse_clock] = None
    cooldown_seconds: Whole = 0
    max_signals_per_session: Whole = 0
    max_daily_loss: Amount = ZERO
    max_contracts: Whole = 0
    take_every: Annotated[int, at_least_one] = 1
    commission: Amount = ZERO
    duplicate_window_seconds: Whole = 0


def _reader(hint: Any) -> Callable[[object], Any]:
    """Find how a field reads: by the function in its annotation, a Literal by its words."""
    return hint.__metadata__[0] if get_origin(hint) is Annotated else one_of(*get_args(hint))


READERS = {name: _reader(hint) for name, hint in get_type_hints(RecorderSettings, include_extras=True).items()}
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
    yield from _contradictions_of_moving_exits(settings)


def _contradictions_of_moving_exits(settings: RecorderSettings) -> Iterator[tuple[str, str]]:
    if settings.sl_type == "Trail" and not settings.sl_enabled:
        yield "sl_type", "Trail needs the stop loss to be on"
    if settings.break_even_enabled and settings.break_even_offset >= settings.break_even_ticks:
        yield "break_even_offset", "must be less than break_even_ticks while break-even is on"
    if not settings.avg_down_enabled:
        return
    if settings.max_contracts == 0:
        yield "max_contracts", "must be more than 0 while average down is on"
    for name in ("avg_down_amount", "avg_down_point"):
        if getattr(settings, name) == 0:
            yield name, "must be more than 0 while average down is on"


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
