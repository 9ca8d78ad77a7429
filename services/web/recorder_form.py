"""The form of a recorder's settings: which fields it has, and how what was typed becomes settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.recorder_settings import RecorderSettings, settings_as_json

UNITS = (
    ("Ticks", "ticks"),
    ("Points", "points of price"),
    ("Percent", "% of the entry"),
    ("Dollars", "$ per contract"),
)
FEWEST_TARGET_ROWS = 4
VALUE, TRIM = "target_value_", "target_trim_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One setting on the form; with choices it is a list to choose from, as a check box it is true or false.

    A window is typed as its start and its stop.
    """

    name: str
    label: str
    hint: str = ""
    choices: Sequence[tuple[str, str]] = ()
    checkbox: bool = False
    numeric: bool = False
    window: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Settings that belong together."""

    title: str
    hint: str
    fields: Sequence[Field]


SECTIONS = (
    Section(
        title="Recorder",
        hint="",
        fields=(
            Field(name="name", label="Name", hint="What alerts to your common URL call it."),
            Field(name="symbol", label="Symbol", hint="For alerts that name none, such as MNQ1!. May stay empty."),
            Field(name="strategy_type", label="Kind", hint="A label of your own; it changes nothing."),
            Field(name="timezone", label="Time zone", hint="Of the filters' hours and of the session's end."),
            Field(
                name="recording_enabled",
                label="Recording",
                hint="While it is off, entries are ignored; exits still pass.",
                checkbox=True,
            ),
        ),
    ),
    Section(
        title="Size",
        hint="Used where an alert does not say how many contracts.",
        fields=(
            Field(name="initial_position_size", label="First entry", hint="Contracts.", numeric=True),
            Field(name="add_position_size", label="Each further entry", hint="Contracts.", numeric=True),
            Field(name="max_contracts", label="Largest position", hint="Contracts; 0 sets no limit.", numeric=True),
            Field(
                name="commission", label="Commission", hint="Per contract and side, booked on closing.", numeric=True
            ),
        ),
    ),
    Section(
        title="Signals",
        hint="How an alert that states no position is read.",
        fields=(
            Field(
                name="same_direction",
                label="Entry in the held direction",
                choices=(("add", "adds to the position"), ("ignore", "is ignored")),
            ),
            Field(
                name="opposite_signal",
                label="Entry against the position",
                choices=(
                    ("reverse", "reverses it"),
                    ("close", "closes it"),
                    ("reduce", "reduces it, may flip it"),
                    ("ignore", "is ignored"),
                ),
            ),
            Field(
                name="fill_price",
                label="Fill price",
                choices=(("signal", "the price in the alert"), ("market", "the last tick")),
            ),
            Field(
                name="max_price_deviation",
                label="Largest price deviation",
                hint="Per cent from the last tick. Entries farther off are refused; 0 takes every price.",
                numeric=True,
            ),
            Field(
                name="duplicate_window_seconds",
                label="Equal alerts are one for",
                hint="Seconds. Those with a time or an id are one for a minute anyway; 0 takes all others as separate.",
                numeric=True,
            ),
        ),
    ),
    Section(
        title="Filters",
        hint="Held against entries in this order; exits always pass, and a reversal then only closes.",
        fields=(
            Field(
                name="inverse",
                label="Inverse",
                hint="Every buy sells and every sell buys, before any filter looks at it.",
                checkbox=True,
            ),
            Field(
                name="direction_filter",
                label="Take",
                choices=(
                    ("Both", "entries of both sides"),
                    ("Long", "long entries only"),
                    ("Short", "short ones only"),
                ),
            ),
            Field(name="time_filter_1", label="Hours", hint="From, and up to; over midnight if need be.", window=True),
            Field(name="time_filter_2", label="or", hint="Empty: at any time.", window=True),
            Field(
                name="cooldown_seconds",
                label="Pause after an entry",
                hint="Seconds without another one; 0 for none.",
                numeric=True,
            ),
            Field(
                name="max_signals_per_session",
                label="Entries a session",
                hint="At most so many from 18:00 New York on; 0 sets no limit.",
                numeric=True,
            ),
            Field(
                name="max_daily_loss",
                label="Daily loss limit",
                hint="No entry once so much is lost since 18:00 New York, open positions included; 0 sets no limit.",
                numeric=True,
            ),
            Field(
                name="take_every",
                label="Take every",
                hint="3 takes the third, the sixth … of the entries that come so far.",
                numeric=True,
            ),
        ),
    ),
    Section(
        title="Stop loss",
        hint="",
        fields=(
            Field(name="sl_enabled", label="Stop loss on", checkbox=True),
            Field(name="sl_amount", label="Distance", hint="From the average entry.", numeric=True),
            Field(name="sl_units", label="Unit of the distance", choices=UNITS),
            Field(
                name="stop_fill",
                label="Fills at",
                choices=(("observed", "the price that reached it"), ("level", "its own level")),
            ),
            Field(
                name="sl_type",
                label="Type",
                choices=(("Fixed", "stays where it is"), ("Trail", "follows the best price")),
            ),
            Field(
                name="trail_trigger",
                label="Follows from",
                hint="Ticks in favour of the average entry; 0 follows at once.",
                numeric=True,
            ),
            Field(name="trail_freq", label="Follows in steps of", hint="Whole ticks; 0 means 1.", numeric=True),
        ),
    ),
    Section(
        title="Break-even",
        hint="A stop near the entry once the price was in favour; works without a stop loss, too.",
        fields=(
            Field(name="break_even_enabled", label="Break-even on", checkbox=True),
            Field(name="break_even_ticks", label="From", hint="Ticks in favour of the average entry.", numeric=True),
            Field(
                name="break_even_offset",
                label="Stop at the average plus",
                hint="Ticks in favour; less than the above.",
                numeric=True,
            ),
        ),
    ),
    Section(
        title="Average down",
        hint="Adds where the price goes against the last entry. Needs a largest position above.",
        fields=(
            Field(name="avg_down_enabled", label="Average down on", checkbox=True),
            Field(name="avg_down_amount", label="Adds", hint="Contracts, once a tick at most.", numeric=True),
            Field(name="avg_down_point", label="Distance", hint="Against the last entry.", numeric=True),
            Field(name="avg_down_units", label="Unit of the distance", choices=UNITS),
        ),
    ),
    Section(
        title="End of the session",
        hint="",
        fields=(Field(name="session_end", label="Close at", hint="Such as 15:55; empty holds on."),),
    ),
    Section(
        title="Take profit",
        hint="Each leg closes an amount at a distance from the average entry; the farthest closes the rest.",
        fields=(
            Field(name="tp_units", label="Unit of the distances", choices=UNITS),
            Field(
                name="trim_units",
                label="Unit of the amounts",
                choices=(("Contracts", "contracts"), ("Percent", "% of the position")),
            ),
        ),
    ),
)
FIELDS = tuple(each for section in SECTIONS for each in section.fields)
START, STOP = "_start", "_stop"


def form_values(settings: RecorderSettings | None) -> dict[str, Any]:
    """What the form shows at first: the settings in force, or the defaults for a new recorder."""
    if settings is None:
        return settings_as_json(RecorderSettings(name="")) | {"name": "", "symbol": None}
    return settings_as_json(settings)


def typed_values(form: Mapping[str, str]) -> dict[str, Any]:
    """What was typed, by setting, unchecked."""
    values: dict[str, Any] = {each.name: form.get(each.name, "").strip() for each in FIELDS}
    values |= {each.name: each.name in form for each in FIELDS if each.checkbox}
    values |= {each.name: _typed_window(form, each.name) for each in FIELDS if each.window}
    return values | {"tp_targets": _typed_targets(form)}


def target_rows(values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The legs to show, with at least one empty row after them."""
    targets = list(values.get("tp_targets") or [])
    empty = max(FEWEST_TARGET_ROWS - len(targets), 1)
    return [*targets, *({"value": "", "trim": ""} for _ in range(empty))]


def _typed_window(form: Mapping[str, str], name: str) -> dict[str, str] | None:
    """The hours that were typed, None for neither start nor stop."""
    start, stop = form.get(f"{name}{START}", "").strip(), form.get(f"{name}{STOP}", "").strip()
    return {"start": start, "stop": stop} if start or stop else None


def _typed_targets(form: Mapping[str, str]) -> list[dict[str, str | None]]:
    """The rows in which anything was typed, in their order."""
    typed = (name.removeprefix(VALUE) for name in form if name.startswith(VALUE))
    numbers = sorted(int(number) for number in typed if number.isdecimal())
    rows = [(form[f"{VALUE}{number}"].strip(), form.get(f"{TRIM}{number}", "").strip()) for number in numbers]
    return [{"value": value, "trim": trim or None} for value, trim in rows if value or trim]
