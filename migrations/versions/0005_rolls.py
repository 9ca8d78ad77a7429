"""Positions and trades say by how much their prices moved when their symbol rolled to another contract."""

from alembic import op
from sqlalchemy import Column, Numeric

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the sum of the differences, of which there were none before."""
    for table in ("recorder_positions", "recorded_trades"):
        op.add_column(table, Column("rolled", Numeric, nullable=False, server_default="0"))
