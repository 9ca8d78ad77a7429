"""Corrections as rows: read as the log of what they void; what they lead to is written elsewhere."""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import Connection, Row, func, select

from shared.domain.corrections import Correction, parse_correction
from shared.store.signals import CORRECTION
from shared.store.tables import recorded_signals

s = recorded_signals.c


def find_correction(connection: Connection, recorder_id: int, body: bytes) -> Row[int, str] | None:
    """Find the newest correction with this body that is pending or was recorded, as its id and status."""
    statement = (
        select(s.id, s.status)
        .where(
            s.recorder_id == recorder_id,
            s.signal_type == CORRECTION,
            s.raw_data == body,
            s.status.in_(["accepted", "recorded"]),
        )
        .order_by(s.id.desc())
        .limit(1)
    )
    return connection.execute(statement).one_or_none()


def load_corrections(connection: Connection, recorder_ids: Collection[int]) -> dict[int, list[Correction]]:
    """Return the corrections of some recorders that are applied, by recorder, each one's in their order."""
    statement = (
        select(s.recorder_id, s.id, s.raw_data, s.marked, s.status, s.reason)
        .where(s.recorder_id == func.any(sorted(recorder_ids)), s.signal_type == CORRECTION, s.status != "accepted")
        .order_by(s.recorder_id, s.sequence)
    )
    found: dict[int, list[Correction]] = defaultdict(list)
    for row in connection.execute(statement):
        refused = row.reason if row.status == "rejected" else None
        correction = parse_correction(bytes(row.raw_data), id=row.id, marked=row.marked, refused=refused)
        found[row.recorder_id].append(correction)
    return found
