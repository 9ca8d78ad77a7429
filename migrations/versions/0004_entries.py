"""Signals say what became of the entry they asked for, so that filters can count entries."""

from alembic import op
from sqlalchemy import Column, Text, text

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column, and tell what became of the entries so far: one that was made has its trades."""
    op.add_column("recorded_signals", Column("entry", Text))
    op.execute(
        """
        UPDATE recorded_signals SET entry = 'entered'
        WHERE id IN (SELECT signal_id FROM recorded_trades)
        """
    )
    op.execute(
        """
        UPDATE recorded_signals SET entry = 'recording_enabled'
        WHERE reason = 'recording is off' OR note LIKE '%not reversed: recording is off%'
        """
    )
    op.create_index(
        "ix_recorded_signals_entered",
        "recorded_signals",
        ["recorder_id", "received_at"],
        postgresql_where=text("entry = 'entered'"),
    )
