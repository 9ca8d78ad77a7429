"""The entry filters of the brute force: what was ever asked is kept in a list, and every question reads all of it.

Readings chosen where the text leaves room:

- A window holds the minutes of the clock from its start up to the one before its stop.
- What a filter counts are entries that were made; a rejected signal counts nowhere.
- `take_every` counts those it turned away since the last entry that was made.
- The day's result is what stands before the signal does anything: booked today, and every open position at its last
  tick, 0 where there was none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

MADE, TURNED_AWAY = "made", "turned away"
A_DAY = 24 * 60


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """An entry that came as far as the last filter: made, or turned away by it."""

    occurred_at: int
    outcome: str


@dataclass(frozen=True, kw_only=True)
class Booking:
    """A result and its moment; the moment of what is still open is the signal's."""

    occurred_at: int
    result: Fraction


def first_objection(
    settings: Mapping[str, Any],
    direction: int,
    occurred_at: int,
    attempts: Iterable[Attempt],
    bookings: Iterable[Booking],
) -> str:
    """Name the first filter that holds an entry back; nothing, if none does."""
    listed = list(attempts)
    made = [attempt for attempt in listed if attempt.outcome == MADE]
    today = [attempt for attempt in made if session(attempt.occurred_at) == session(occurred_at)]
    result = sum((each.result for each in bookings if session(each.occurred_at) == session(occurred_at)), Fraction(0))
    allowed_loss = Fraction(str(settings.get("max_daily_loss", 0)))
    pause = settings.get("cooldown_seconds", 0) * 10**9
    objections = {
        "recording is off": not settings.get("recording_enabled", True),
        "direction_filter": {"Both": 0, "Long": 1, "Short": -1}[settings.get("direction_filter", "Both")] == -direction,
        "time_filter": not in_a_window(settings, occurred_at),
        "cooldown_seconds": pause > 0 and any(occurred_at < attempt.occurred_at + pause for attempt in made),
        "max_signals_per_session": 0 < settings.get("max_signals_per_session", 0) <= len(today),
        "max_daily_loss": 0 < allowed_loss <= -result,
        "take_every": not has_its_turn(listed, settings.get("take_every", 1)),
    }
    return next((name for name, holds in objections.items() if holds), "")


def in_a_window(settings: Mapping[str, Any], occurred_at: int) -> bool:
    windows = [settings[name] for name in ("time_filter_1", "time_filter_2") if settings.get(name)]
    zone = ZoneInfo(settings.get("timezone", "America/New_York"))
    local = moment(occurred_at).astimezone(zone)
    return not windows or any(local.hour * 60 + local.minute in minutes(window) for window in windows)


def minutes(window: Mapping[str, str]) -> set[int]:
    """Every minute of the day that lies in a window."""
    start, stop = (int(clock[:2]) * 60 + int(clock[3:]) for clock in (window["start"], window["stop"]))
    return {(start + passed) % A_DAY for passed in range((stop - start) % A_DAY)}


def has_its_turn(attempts: list[Attempt], every: int) -> bool:
    since_the_last: list[Attempt] = []
    for attempt in attempts:
        since_the_last = [] if attempt.outcome == MADE else [*since_the_last, attempt]
    return len(since_the_last) + 1 >= every


def session(occurred_at: int) -> date:
    """The date on which the session ends that a moment belongs to: sessions change six hours before midnight."""
    new_york = moment(occurred_at).astimezone(ZoneInfo("America/New_York")).replace(tzinfo=None)
    return (new_york + timedelta(hours=6)).date()


def moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 10**9, tz=UTC)
