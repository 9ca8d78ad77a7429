"""What the ticks did to open positions, written in batches: a cache of the fold that may be lost at any time."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from shared.domain.money import exact
from shared.domain.timestamps import to_datetime
from shared.store.many_rows import rows_given
from shared.store.watched_positions import WatchedPosition


def flush_positions(connection: Connection, positions: Sequence[WatchedPosition]) -> set[int]:
    """Write how far these positions have come and their extremes; returns the ids of those written.

    Passed by are rows that somebody has locked, that moved on or are of a newer version, and those of recorders
    with pending signals, which might have come before the last ticks counted here.
    """
    if not positions:
        return set()
    with exact():
        rows = [_row(each) for each in positions]
    return set(connection.execute(_FLUSH, rows_given(rows)).scalars())


def _row(position: WatchedPosition) -> dict[str, Any]:
    stretch = position.stretch
    return {
        "id": position.id,
        "version": position.version,
        "place": position.place,
        "ticks_seen": position.ticks_seen,
        "current_price": position.last_price,
        "unrealized": position.unrealized_pnl,
        "worst": position.worst_pnl,
        "worst_price": position.worst_price,
        "worst_at": to_datetime(position.worst_at),
        "best": position.best_pnl,
        "best_at": to_datetime(position.best_at),
        "lowest": stretch.lowest,
        "lowest_at": to_datetime(stretch.lowest_at),
        "highest": stretch.highest,
        "highest_at": to_datetime(stretch.highest_at),
        "best_tick": position.best_tick,
    }


# A flush that a crash of the server loses is counted again from the log: nobody needs to wait for its disk.
_FLUSH = text(
    """
    SET LOCAL synchronous_commit = off;
    WITH counted AS (
        SELECT * FROM json_to_recordset(CAST(:given_rows AS json)) AS given (
            id bigint, version bigint, place bigint, ticks_seen bigint, current_price numeric, unrealized numeric,
            worst numeric, worst_price numeric, worst_at timestamptz, best numeric, best_at timestamptz,
            lowest numeric, lowest_at timestamptz, highest numeric, highest_at timestamptz, best_tick numeric
        )
    ),
    free AS (
        SELECT position.id FROM recorder_positions position JOIN counted USING (id)
        WHERE position.version = counted.version AND position.place < counted.place
        ORDER BY position.id
        FOR NO KEY UPDATE OF position SKIP LOCKED
    )
    UPDATE recorder_positions position SET
        place = counted.place, ticks_seen = counted.ticks_seen, current_price = counted.current_price,
        unrealized_pnl = counted.unrealized,
        worst_unrealized_pnl = counted.worst, worst_price = counted.worst_price, worst_at = counted.worst_at,
        best_unrealized_pnl = counted.best, best_at = counted.best_at,
        lowest_since_fill = counted.lowest, lowest_since_fill_at = counted.lowest_at,
        highest_since_fill = counted.highest, highest_since_fill_at = counted.highest_at,
        best_since_entry = counted.best_tick,
        updated_at = clock_timestamp()
    FROM counted JOIN free USING (id)
    WHERE position.id = counted.id
      AND NOT EXISTS (
          SELECT 1 FROM recorded_signals signal
          WHERE signal.recorder_id = position.recorder_id AND signal.status = 'accepted'
      )
    RETURNING position.id
    """
)
