"""The first moment at which the clock of a time zone shows the end of the session."""

from datetime import UTC, datetime, time

import pytest

from shared.domain.exit_rules import SessionEndRule
from shared.domain.session_end import first_cut_off
from shared.domain.timestamps import from_datetime


def ns(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("clock", "timezone", "opened_at", "cut_off"),
    [
        ("15:55", "America/New_York", "2026-01-15T20:54:59", "2026-01-15T20:55:00"),
        ("15:55", "America/New_York", "2026-01-15T20:55:00", "2026-01-16T20:55:00"),
        ("00:00", "America/New_York", "2026-01-15T20:55:00", "2026-01-16T05:00:00"),
        ("23:30", "Asia/Tokyo", "2026-01-15T14:00:00", "2026-01-15T14:30:00"),
        ("23:30", "Asia/Tokyo", "2026-01-15T14:31:00", "2026-01-16T14:30:00"),
        ("15:55", "America/New_York", "2026-03-07T20:55:00", "2026-03-08T19:55:00"),
        ("15:55", "America/New_York", "2026-10-31T19:55:00", "2026-11-01T20:55:00"),
        ("02:30", "America/New_York", "2026-03-08T06:00:00", "2026-03-08T07:30:00"),
        ("01:30", "America/New_York", "2026-11-01T04:00:00", "2026-11-01T05:30:00"),
        ("01:30", "America/New_York", "2026-11-01T05:45:00", "2026-11-02T06:30:00"),
    ],
)
def test_the_first_cut_off_after_the_opening(clock: str, timezone: str, opened_at: str, cut_off: str) -> None:
    rule = SessionEndRule(clock=time.fromisoformat(clock), timezone=timezone)
    assert first_cut_off(rule, ns(opened_at)) == ns(cut_off)


def test_a_position_that_opened_a_nanosecond_before_ends_with_that_session() -> None:
    rule = SessionEndRule(clock=time(15, 55), timezone="America/New_York")
    assert first_cut_off(rule, ns("2026-01-15T20:55:00") - 1) == ns("2026-01-15T20:55:00")
