"""Whether alerts come so fast that TradingView is about to stop them; it counts, and holds nobody up."""

from collections.abc import Sequence
from datetime import datetime, timedelta

STOPPED_BEYOND = 15
WARNED_FROM = 12
WITHIN = timedelta(minutes=3)


def pace_warnings(arrivals: Sequence[datetime]) -> list[str]:
    """Warn where so many alerts, in the order of arrival, came within three minutes that it nears the limit."""
    most = most_within(arrivals, WITHIN)
    if most < WARNED_FROM:
        return []
    limit = f"TradingView stops an alert that fires more than {STOPPED_BEYOND} times in three minutes."
    return [f"{most} alerts came within three minutes in the last day. {limit}"]


def most_within(moments: Sequence[datetime], window: timedelta) -> int:
    """Return the largest number of moments, given in their order, that lie within a window."""
    most = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] > window:
            first += 1
        most = max(most, last - first + 1)
    return most
