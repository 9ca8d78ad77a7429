"""Recorders put away and taken back; what they recorded stays where it is."""

from dataclasses import replace

from sqlalchemy import Connection, func, null, update

from shared.store.recorders import Recorder, update_recorder
from shared.store.tables import recorders


def archive_recorder(connection: Connection, recorder: Recorder) -> None:
    """Stop a recorder and put it away; one that is archived stays so."""
    if recorder.settings.recording_enabled:
        update_recorder(connection, recorder.user_id, recorder.id, replace(recorder.settings, recording_enabled=False))
    archived_at = func.coalesce(recorders.c.archived_at, func.clock_timestamp())
    connection.execute(update(recorders).where(recorders.c.id == recorder.id).values(archived_at=archived_at))


def restore_recorder(connection: Connection, recorder: Recorder) -> None:
    """Take a recorder back into the lists; it stays stopped."""
    connection.execute(update(recorders).where(recorders.c.id == recorder.id).values(archived_at=null()))
