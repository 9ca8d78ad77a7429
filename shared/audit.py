"""Recomputes positions from the two logs and compares them with the database, field by field; it changes nothing.

A position can be recomputed while all ticks since its opening are in the log. The fold of its recorder begins, for each
symbol, flat with the first position of which that is so.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import redis
from sqlalchemy import Connection

from shared.audit_fold import audit_record
from shared.recompute.comparison import Difference
from shared.recompute.record import StoredRecord, load_records
from shared.recompute.starts import find_starts
from shared.recompute.tape import WholeTape
from shared.store.audit_rows import AuditedRecorder, load_openings

RECORDERS_AT_A_TIME = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedRecord:
    """What was found of one recorder: positions that were checked, those whose ticks are gone, and differences."""

    recorder: AuditedRecorder
    checked: int
    skipped: int
    differences: Sequence[Difference]


def audit_recorders(
    connection: Connection, log: redis.Redis, recorders: Sequence[AuditedRecorder]
) -> Iterator[AuditedRecord]:
    """Audit recorders one after another, on a connection whose transaction sees one moment (`begin_snapshot`)."""
    tape = WholeTape(log)
    for number in range(0, len(recorders), RECORDERS_AT_A_TIME):
        some = recorders[number : number + RECORDERS_AT_A_TIME]
        records = _load(connection, some, tape)
        for recorder in some:
            yield _audit(recorder, records[recorder.id], tape)


def _load(connection: Connection, recorders: Collection[AuditedRecorder], tape: WholeTape) -> dict[int, StoredRecord]:
    openings = load_openings(connection, [each.id for each in recorders])
    starts = {}
    for each in recorders:
        tape.forget()
        starts[each.id] = find_starts(openings.get(each.id, ()), tape)
    return load_records(connection, openings, starts)


def _audit(recorder: AuditedRecorder, record: StoredRecord, tape: WholeTape) -> AuditedRecord:
    tape.forget()
    starts = find_starts(record.openings, tape)  # again: retention may have taken more since the rows were loaded
    return AuditedRecord(
        recorder=recorder,
        checked=sum(len(start.checked) for start in starts.values()),
        skipped=sum(len(start.skipped) for start in starts.values()),
        differences=[*_miscounts(recorder), *audit_record(record, starts, tape)],
    )


def _miscounts(recorder: AuditedRecorder) -> Iterator[Difference]:
    """Signals are numbered without a gap, and the recorder knows how many it took."""
    for field, stored in (
        ("signal_count", recorder.signal_count),
        ("sequence of the last signal", recorder.last_sequence),
    ):
        if stored != recorder.signals:
            yield Difference(symbol=None, position_id=None, field=field, stored=stored, recomputed=recorder.signals)
