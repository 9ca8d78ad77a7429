"""Days before the first that is not settled are kept as one total; positions of a time are found with the open ones."""

from alembic import op
from sqlalchemy import BigInteger, Column, Date, DateTime, ForeignKey, Integer, Numeric, Text, text

revision = "0011"
down_revision = "0010"

_COUNTS = ("trades", "wins", "open_at_lowest", "open_at_fall", "open_change", "gaps", "unseen")
_MONEY = (
    "won",
    "lost",
    "equity_high",
    "equity_low",
    "equity_fall",
    "low_change",
    "low_lowest",
    "booked_change",
    "booked_high",
    "fall",
    "longest_gap_seconds",
)


def upgrade() -> None:
    """Add the totals, empty: a recorder worker adds them up."""
    op.add_column("result_scopes", Column("total_through", Date))
    op.create_table(
        "result_totals",
        Column("scope_id", BigInteger, ForeignKey("result_scopes.id", ondelete="CASCADE"), primary_key=True),
        Column("currency", Text, primary_key=True),
        Column("day", Date, nullable=False),
        *(Column(name, Integer, nullable=False) for name in _COUNTS),
        *(Column(name, Numeric, nullable=False) for name in _MONEY),
        Column("last_closed_at", DateTime(timezone=True)),
    )
    closed = text("coalesce(closed_at, 'infinity'::timestamptz)")
    op.create_index("ix_recorder_positions_closed", "recorder_positions", [closed])
    op.create_index("ix_recorder_positions_recorder_id_closed", "recorder_positions", ["recorder_id", closed])
    op.drop_index(op.f("ix_recorder_positions_closed_at"), "recorder_positions")
    op.drop_index(op.f("ix_recorder_positions_recorder_id_closed_at"), "recorder_positions")
