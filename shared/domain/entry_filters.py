"""What holds an entry back: a recorder's filters, in their order; exits and trims never ask them."""

from collections.abc import Callable
from decimal import Decimal
from zoneinfo import ZoneInfo

from msgspec import Struct

from shared.domain.numbers import plain
from shared.domain.recorder_settings import RecorderSettings
from shared.domain.time_windows import TimeWindow, format_clock
from shared.domain.timestamps import NS_PER_SECOND, to_datetime
from shared.domain.trades import LONG


class Standing(Struct, frozen=True, kw_only=True, gc=False):
    """Where a recorder stands when a signal applies.

    `session_entries` are those of the signal's trading day, `held_back` those that `take_every` kept since the last
    entry, `day_result` what that day has made, booked and open, in currency. Times are ns, UTC.
    """

    last_entry_at: int | None = None
    session_entries: int = 0
    held_back: int = 0
    day_result: Decimal = Decimal(0)


class Entry(Struct, frozen=True, kw_only=True, gc=False):
    """An entry that a signal accepted at `occurred_at` asks for: +1 long, -1 short."""

    direction: int
    occurred_at: int
    standing: Standing


class HeldBack(Struct, frozen=True, kw_only=True, gc=False):
    """Which setting holds an entry back, and why in words."""

    filter: str
    reason: str


NOTHING_BEFORE = Standing()


def find_filter(settings: RecorderSettings, entry: Entry) -> HeldBack | None:
    """Return the first filter that holds an entry back; None: it passes all."""
    for name, objection in _FILTERS:
        reason = objection(settings, entry)
        if reason is not None:
            return HeldBack(filter=name, reason=reason)
    return None


def asks_the_past(settings: RecorderSettings) -> bool:
    """Tell whether what a recorder did before decides about its entries."""
    counts = settings.cooldown_seconds, settings.max_signals_per_session, settings.max_daily_loss
    return any(counts) or settings.take_every > 1


def _recording(settings: RecorderSettings, _entry: Entry) -> str | None:
    return None if settings.recording_enabled else "recording is off"


def _direction(settings: RecorderSettings, entry: Entry) -> str | None:
    side = "Long" if entry.direction == LONG else "Short"
    if settings.direction_filter in ("Both", side):
        return None
    return f"direction_filter: only {settings.direction_filter.lower()} entries are taken"


def _time(settings: RecorderSettings, entry: Entry) -> str | None:
    both = {"time_filter_1": settings.time_filter_1, "time_filter_2": settings.time_filter_2}
    windows = {name: window for name, window in both.items() if window is not None}
    local = to_datetime(entry.occurred_at).astimezone(ZoneInfo(settings.timezone)).time()
    if not windows or any(window.contains(local) for window in windows.values()):
        return None
    outside = " and ".join(map(_hours, windows.values()))
    return f"{', '.join(windows)}: {format_clock(local)} is outside {outside}, {settings.timezone}"


def _hours(window: TimeWindow) -> str:
    return f"{format_clock(window.start)} to {format_clock(window.stop)}"


def _cooldown(settings: RecorderSettings, entry: Entry) -> str | None:
    last, pause = entry.standing.last_entry_at, settings.cooldown_seconds
    if pause == 0 or last is None or entry.occurred_at - last >= pause * NS_PER_SECOND:
        return None
    seconds = max(entry.occurred_at - last, 0) // NS_PER_SECOND
    return f"cooldown_seconds: {seconds} s after the last entry, {pause} must pass"


def _session(settings: RecorderSettings, entry: Entry) -> str | None:
    most, entries = settings.max_signals_per_session, entry.standing.session_entries
    if most == 0 or entries < most:
        return None
    return f"max_signals_per_session: {entries} of {most} entries were recorded in this session"


def _daily_loss(settings: RecorderSettings, entry: Entry) -> str | None:
    most, result = settings.max_daily_loss, entry.standing.day_result
    if most == 0 or -result < most:
        return None
    return f"max_daily_loss: {plain(-result)} are lost today, {plain(most)} may be"


def _turn(settings: RecorderSettings, entry: Entry) -> str | None:
    number = entry.standing.held_back + 1
    if number >= settings.take_every:
        return None
    return f"take_every: entry {number} of {settings.take_every}, the last one is taken"


TAKE_EVERY = "take_every"
MAX_DAILY_LOSS = "max_daily_loss"

_Objection = Callable[[RecorderSettings, Entry], str | None]
_FILTERS: tuple[tuple[str, _Objection], ...] = (
    ("recording_enabled", _recording),
    ("direction_filter", _direction),
    ("time_filter", _time),
    ("cooldown_seconds", _cooldown),
    ("max_signals_per_session", _session),
    (MAX_DAILY_LOSS, _daily_loss),
    (TAKE_EVERY, _turn),
)
