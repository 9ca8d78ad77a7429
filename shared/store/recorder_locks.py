"""Who works on which recorder, and which ones rest because it failed on them."""

from collections.abc import Collection
from datetime import timedelta

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, func, select, update

from shared.store.tables import recorders

FIRST_REST = timedelta(seconds=0.5)
LONGEST_REST = timedelta(seconds=60)
_MOST_DOUBLINGS = 10

r = recorders.c


class LockedRecorder(Struct, frozen=True, kw_only=True, gc=False):
    """How many signals a recorder has taken, and how often in a row catching up with it failed.

    `voided_ticks` have never been for it, and nothing of it comes before the place that its corrections have reached.
    """

    signal_count: int
    failures: int
    voided_ticks: frozenset[int]
    corrected_through: int


def lock_recorders(
    connection: Connection, recorder_ids: Collection[int], *, wait: bool = True
) -> dict[int, LockedRecorder]:
    """Lock these recorders in id order, less those that rest, and without `wait` those that somebody has locked."""
    statement = (
        select(r.id, r.signal_count, r.failures, r.voided_ticks, r.corrected_through)
        .where(recorders.c.id == func.any(sorted(recorder_ids)), does_not_rest())
        .order_by(recorders.c.id)
        .with_for_update(key_share=True, skip_locked=not wait)
    )
    rows = connection.execute(statement)
    return {
        recorder_id: LockedRecorder(
            signal_count=signal_count,
            failures=failures,
            voided_ticks=frozenset(voided_ticks),
            corrected_through=corrected_through,
        )
        for recorder_id, signal_count, failures, voided_ticks, corrected_through in rows
    }


def does_not_rest() -> ColumnElement[bool]:
    """Tell, in a query, whether a recorder may be tried: it did not fail, or long enough ago."""
    return recorders.c.retry_at.is_(None) | (recorders.c.retry_at <= func.clock_timestamp())


def let_rest(connection: Connection, recorder_id: int, error: str) -> None:
    """Leave a recorder on which the fold failed alone, for twice as long after each failure in a row."""
    pause = func.least(LONGEST_REST, FIRST_REST * func.power(2, func.least(recorders.c.failures, _MOST_DOUBLINGS)))
    connection.execute(
        update(recorders)
        .where(recorders.c.id == recorder_id)
        .values(failures=recorders.c.failures + 1, error=error, retry_at=func.clock_timestamp() + pause)
    )


def end_rest(connection: Connection, recorder_ids: Collection[int]) -> None:
    """Forget the failures of recorders with which it went well."""
    if recorder_ids:
        its_rows = update(recorders).where(recorders.c.id == func.any(sorted(recorder_ids)))
        connection.execute(its_rows.values(failures=0, error=None, retry_at=None))
