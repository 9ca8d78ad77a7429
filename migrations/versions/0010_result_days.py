"""Trading days that are over are added up once; lists, days and drawdowns are found by time.

Many trades take a while to be sorted into the new indexes, during which alerts wait in Redis.
"""

from alembic import op
from sqlalchemy import BigInteger, Column, Date, DateTime, ForeignKey, Identity, Integer, Numeric, Text, text

revision = "0010"
down_revision = "0007"

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
    """Add tables and indexes; days are settled when somebody looks."""
    op.create_table(
        "result_scopes",
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("user_id", BigInteger, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        Column("recorder_id", BigInteger, ForeignKey("recorders.id", ondelete="CASCADE"), unique=True),
        Column("settled_through", Date),
    )
    op.create_index(
        "uq_result_scopes_user_id",
        "result_scopes",
        ["user_id"],
        unique=True,
        postgresql_where=text("recorder_id IS NULL"),
    )
    op.create_table("unsettled_days", *_of_a_scope())
    op.create_table(
        "result_days",
        *_of_a_scope(),
        Column("currency", Text, primary_key=True),
        *(Column(name, Integer, nullable=False) for name in _COUNTS),
        *(Column(name, Numeric, nullable=False) for name in _MONEY),
        Column("last_closed_at", DateTime(timezone=True)),
    )
    closed = text("coalesce(exit_time, 'infinity'::timestamptz)")
    op.create_index(op.f("ix_recorder_positions_closed_at"), "recorder_positions", ["closed_at"])
    op.create_index(
        op.f("ix_recorder_positions_recorder_id_closed_at"), "recorder_positions", ["recorder_id", "closed_at"]
    )
    op.create_index(op.f("ix_recorded_trades_entry_time_id"), "recorded_trades", ["entry_time", "id"])
    op.create_index("ix_recorded_trades_closed", "recorded_trades", [closed, "id"])
    op.create_index(op.f("ix_position_legs_started_at"), "position_legs", ["started_at"])


def _of_a_scope() -> list[Column[object]]:
    scope = ForeignKey("result_scopes.id", ondelete="CASCADE")
    return [Column("scope_id", BigInteger, scope, primary_key=True), Column("day", Date, primary_key=True)]
