"""Signals are stored once and applied once: ids of intake, fingerprints of bodies, numbers in their recorder's log.

Recorders on which the fold fails rest.
"""

from alembic import op
from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, Text, Uuid, text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what tells one signal from another, and number the signals that are applied already."""
    signals = "recorded_signals"
    op.add_column(signals, Column("intake_id", Uuid, nullable=False, server_default=text("gen_random_uuid()")))
    op.add_column(signals, Column("fingerprint", LargeBinary))
    op.add_column(signals, Column("duplicates", Integer, nullable=False, server_default="0"))
    op.add_column(signals, Column("sequence", BigInteger))
    op.add_column("recorders", Column("failures", Integer, nullable=False, server_default="0"))
    op.add_column("recorders", Column("error", Text))
    op.add_column("recorders", Column("retry_at", DateTime(timezone=True)))
    op.execute(_NUMBER)
    op.execute(_COUNT)
    for columns in (["intake_id"], ["recorder_id", "fingerprint"], ["recorder_id", "sequence"]):
        op.create_unique_constraint(op.f(f"uq_recorded_signals_{'_'.join(columns)}"), signals, columns)
    sequence, signal_type = op.f("ck_recorded_signals_sequence"), op.f("ck_recorded_signals_signal_type")
    op.create_check_constraint(sequence, signals, "status <> 'recorded' OR sequence IS NOT NULL")
    op.drop_constraint(signal_type, signals)
    op.create_check_constraint(signal_type, signals, "signal_type IN ('strategy', 'alert', 'manual')")


_NUMBER = """
    UPDATE recorded_signals signal SET sequence = numbered.sequence
    FROM (
        SELECT id, row_number() OVER (PARTITION BY recorder_id ORDER BY id) AS sequence
        FROM recorded_signals
        WHERE recorder_id IS NOT NULL AND status <> 'accepted' AND (place IS NOT NULL OR status <> 'rejected')
    ) numbered
    WHERE numbered.id = signal.id
"""
_COUNT = """
    UPDATE recorders SET signal_count = taken.signals
    FROM (SELECT recorder_id, max(sequence) AS signals FROM recorded_signals GROUP BY recorder_id) taken
    WHERE taken.recorder_id = recorders.id AND taken.signals IS NOT NULL
"""
