"""Corrections as rows: read as the log of what they void; what they lead to is written elsewhere."""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import Connection, func, select

from shared.domain.corrections import Correction, parse_correction
from shared.store.signals import CORRECTION
from shared.store.tables import recorded_signals

s = recorded_signals.c


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
