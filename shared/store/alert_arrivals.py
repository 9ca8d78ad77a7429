"""When alerts of recorders arrived last, a few of each; what that means is judged elsewhere."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

_LAST = timedelta(days=1)


def load_arrivals(connection: Connection, recorder_ids: Collection[int]) -> dict[int, list[datetime]]:
    """Return when the newest alerts of some recorders arrived, at most 200 of the last day of each, in their order."""
    arrivals: dict[int, list[datetime]] = defaultdict(list)
    for row in connection.execute(_NEWEST, {"recorder_ids": sorted(recorder_ids), "since": _LAST}):
        arrivals[row.recorder_id].append(row.received_at)
    return arrivals


_NEWEST = text(
    """
    SELECT asked.recorder_id, newest.received_at
    FROM unnest(CAST(:recorder_ids AS bigint[])) asked(recorder_id)
    CROSS JOIN LATERAL (
        SELECT received_at, signal_type FROM recorded_signals
        WHERE recorder_id = asked.recorder_id ORDER BY id DESC LIMIT 200
    ) newest
    WHERE newest.received_at > clock_timestamp() - CAST(:since AS interval)
      AND newest.signal_type IS DISTINCT FROM 'manual' AND newest.signal_type IS DISTINCT FROM 'correction'
    ORDER BY newest.received_at
    """
)
