from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.web.alert_pace import WITHIN, most_within, pace_warnings

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(*seconds: int) -> list[datetime]:
    return [NOON + timedelta(seconds=each) for each in seconds]


def test_eleven_alerts_in_three_minutes_are_nothing_to_warn_of() -> None:
    assert pace_warnings(at(*range(11))) == []


def test_twelve_alerts_in_three_minutes_are_told_with_the_limit() -> None:
    (warning,) = pace_warnings(at(0, *range(400, 412)))
    assert warning.startswith("12 alerts came within three minutes")
    assert "more than 15 times" in warning


def test_alerts_that_keep_their_distance_are_nothing_to_warn_of() -> None:
    assert pace_warnings(at(*range(0, 4000, 20))) == []


@given(st.lists(st.integers(0, 900), max_size=40).map(sorted))
def test_the_most_are_those_of_the_fullest_three_minutes(seconds: list[int]) -> None:
    fullest = max((sum(start <= each <= start + 180 for each in seconds) for start in seconds), default=0)
    assert most_within(at(*seconds), WITHIN) == fullest
