"""What entry filters ask of a recorder's past, read from its signals and trades; only where a setting asks."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import Connection, text

from shared.domain.entry_history import EntryHistory
from shared.domain.timestamps import from_datetime
from shared.domain.trading_day import trading_day_start

_NO_SIGNAL = 2**63 - 1
_ONE_DAY = timedelta(days=1)


def load_entry_histories(
    connection: Connection, days: Mapping[int, Collection[date]], *, before: Mapping[int, int] | None = None
) -> dict[int, EntryHistory]:
    """Return recorders' histories with what is asked of these trading days; `before` a signal's number if given."""
    wanted = [(recorder_id, day) for recorder_id, of_each in days.items() for day in sorted(of_each)]
    if not wanted:
        return {}
    parameters = {
        "recorders": [recorder_id for recorder_id, _ in wanted],
        "days": [day for _, day in wanted],
        "begins": [trading_day_start(day) for _, day in wanted],
        "ends": [trading_day_start(day + _ONE_DAY) for _, day in wanted],
        "befores": [(before or {}).get(recorder_id, _NO_SIGNAL) for recorder_id, _ in wanted],
    }
    histories: dict[int, EntryHistory] = {}
    for row in connection.execute(_HISTORIES, parameters):
        last = None if row.last_entry_at is None else from_datetime(row.last_entry_at)
        history = histories.setdefault(row.recorder_id, EntryHistory(last_entry_at=last, held_back=row.held_back))
        history.entries[row.day] = row.entries
        history.booked[row.day] = Decimal(0) if row.booked is None else row.booked
    return histories


_HISTORIES = text(
    """
    SELECT wanted.recorder_id, wanted.day, (
        SELECT max(received_at) FROM recorded_signals
        WHERE recorder_id = wanted.recorder_id AND entry = 'entered' AND sequence < wanted.before
    ) AS last_entry_at, (
        SELECT count(*) FROM recorded_signals
        WHERE recorder_id = wanted.recorder_id AND entry = 'take_every' AND sequence < wanted.before
          AND sequence > coalesce((
              SELECT sequence FROM recorded_signals
              WHERE recorder_id = wanted.recorder_id AND entry = 'entered' AND sequence < wanted.before
              ORDER BY sequence DESC LIMIT 1
          ), 0)
    ) AS held_back, (
        SELECT count(*) FROM recorded_signals
        WHERE recorder_id = wanted.recorder_id AND entry = 'entered' AND sequence < wanted.before
          AND received_at >= wanted.begins AND received_at < wanted.ends
    ) AS entries, (
        SELECT sum(pnl) FROM recorded_trades
        WHERE recorder_id = wanted.recorder_id AND status = 'closed'
          AND exit_time >= wanted.begins AND exit_time < wanted.ends
    ) AS booked
    FROM unnest(
        CAST(:recorders AS bigint[]), CAST(:days AS date[]), CAST(:begins AS timestamptz[]),
        CAST(:ends AS timestamptz[]), CAST(:befores AS bigint[])
    ) wanted(recorder_id, day, begins, ends, before)
    """
)
