"""A recorder's settings in words, as its page lists them."""

from decimal import Decimal

from services.web.exit_words import ticks_words, trail_words
from services.web.formatting import format_duration, format_number
from shared.domain.duplicates import RESENT_WITHIN_SECONDS
from shared.domain.recorder_settings import RecorderSettings
from shared.domain.take_profit import TakeProfitTarget
from shared.domain.time_windows import format_clock

UNITS = {"Ticks": "ticks", "Points": "points", "Percent": "%", "Dollars": "$ per contract"}
OPPOSITE = {"reverse": "reverses", "close": "closes", "reduce": "reduces, may flip", "ignore": "is ignored"}


def summarize_settings(settings: RecorderSettings) -> list[tuple[str, str]]:
    """List the settings that decide what a signal does."""
    return [
        ("Symbol", settings.symbol or "as each alert says"),
        ("Kind", settings.strategy_type),
        ("Time zone", settings.timezone),
        ("First entry", _contracts(settings.initial_position_size)),
        ("Further entries", _contracts(settings.add_position_size)),
        ("Largest position", _contracts(settings.max_contracts) if settings.max_contracts else "no limit"),
        ("Same direction", "adds" if settings.same_direction == "add" else "is ignored"),
        ("Opposite signal", OPPOSITE[settings.opposite_signal]),
        ("Fill price", "the alert's" if settings.fill_price == "signal" else "the last tick"),
        ("Price deviation", _deviation(settings.max_price_deviation)),
        ("Equal alerts", _duplicates(settings.duplicate_window_seconds)),
        ("Entries taken", _entries(settings)),
        *_filters(settings),
        ("Stop loss", _stop(settings)),
        *_moving_exits(settings),
        ("Take profit", _targets(settings)),
        ("Commission", f"{format_number(settings.commission)} per contract and side"),
    ]


def _entries(settings: RecorderSettings) -> str:
    sides = {"Both": "of both sides", "Long": "long only", "Short": "short only"}[settings.direction_filter]
    return f"{sides}, inverted" if settings.inverse else sides


def _filters(settings: RecorderSettings) -> list[tuple[str, str]]:
    """List the other filters that are set."""
    windows = [window for window in (settings.time_filter_1, settings.time_filter_2) if window]
    hours = " and ".join(f"{format_clock(each.start)} to {format_clock(each.stop)}" for each in windows)
    filters = {
        "Hours of entries": hours and f"{hours}, {settings.timezone}",
        "Pause after an entry": settings.cooldown_seconds and format_duration(settings.cooldown_seconds),
        "Entries a session": settings.max_signals_per_session and f"at most {settings.max_signals_per_session}",
        "Daily loss limit": settings.max_daily_loss and format_number(settings.max_daily_loss),
        "Of the entries": settings.take_every > 1 and f"one in {settings.take_every} is taken",
    }
    return [(name, str(value)) for name, value in filters.items() if value]


def _contracts(number: int) -> str:
    number = number or 1  # a size of 0 means 1
    return "1 contract" if number == 1 else f"{format_number(number)} contracts"


def _deviation(per_cent: Decimal) -> str:
    return f"at most {format_number(per_cent)} %" if per_cent else "any price"


def _duplicates(seconds: int) -> str:
    identified = f"{format_duration(RESENT_WITHIN_SECONDS)} if they have a time or an id"
    if seconds == 0:
        return f"one for {identified}"
    all_of_them = f"one for {format_duration(seconds)}"
    return all_of_them if seconds >= RESENT_WITHIN_SECONDS else f"{all_of_them}, {identified}"


def _stop(settings: RecorderSettings) -> str:
    if not settings.sl_enabled:
        return "off"
    fill = "" if settings.stop_fill == "observed" else ", fills at its level"
    return f"{format_number(settings.sl_amount)} {UNITS[settings.sl_units]}{fill}"


def _moving_exits(settings: RecorderSettings) -> list[tuple[str, str]]:
    """List what moves the stop or adds to a position, and when the session ends, as far as it is set."""
    found = []
    if settings.sl_type == "Trail":
        found.append(("Trailing", trail_words(settings.trail_trigger, settings.trail_freq or 1)))
    if settings.break_even_enabled:
        stop = f"stop to the average plus {ticks_words(settings.break_even_offset)}"
        found.append(("Break-even", f"{stop} from {ticks_words(settings.break_even_ticks)} in favour"))
    if settings.avg_down_enabled:
        distance = f"{format_number(settings.avg_down_point)} {UNITS[settings.avg_down_units]}"
        adds = _contracts(settings.avg_down_amount)
        found.append(("Averages down", f"adds {adds} each {distance} against the last entry"))
    if settings.session_end:
        found.append(("Session ends", f"{format_clock(settings.session_end)}, {settings.timezone}"))
    return found


def _targets(settings: RecorderSettings) -> str:
    legs = [_target(settings, target) for target in settings.tp_targets]
    return "; ".join(legs) or "off"


def _target(settings: RecorderSettings, target: TakeProfitTarget) -> str:
    distance = f"{format_number(target.value)} {UNITS[settings.tp_units]}"
    if target.trim is None:
        return f"the rest at {distance}"
    amount = _contracts(int(target.trim)) if settings.trim_units == "Contracts" else f"{format_number(target.trim)} %"
    return f"{amount} at {distance}"
