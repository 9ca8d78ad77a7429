"""Positions, and their stretches between fills."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, Numeric, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from shared.store.tables.columns import identity, metadata, moment, money, stamped_now, voided_by

recorder_positions = Table(
    "recorder_positions",
    metadata,
    identity(),
    Column("recorder_id", ForeignKey("recorders.id", ondelete="CASCADE"), nullable=False),
    Column("contract_id", ForeignKey("contracts.id", deferrable=True, initially="DEFERRED"), nullable=False),
    Column("ticker", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("total_quantity", Integer, nullable=False),
    Column("max_quantity", Integer, nullable=False),
    money("avg_entry_price", nullable=False),
    Column("entries", JSONB, nullable=False),
    Column("exit_plan", JSONB, nullable=False),
    Column("totals", JSONB, nullable=False),
    money("current_price"),
    money("unrealized_pnl", nullable=False),
    money("worst_unrealized_pnl", nullable=False),
    money("best_unrealized_pnl", nullable=False),
    money("worst_price", nullable=False),
    moment("worst_at", nullable=False),
    moment("best_at", nullable=False),
    # Extremes of the prices since the last fill; the open lots' own extremes follow from them.
    money("lowest_since_fill"),
    moment("lowest_since_fill_at"),
    money("highest_since_fill"),
    moment("highest_since_fill_at"),
    # The best tick since the last entry, where an exit follows it.
    money("best_since_entry"),
    money("exit_price"),
    money("realized_pnl", nullable=False),
    Column("ticks_seen", BigInteger, nullable=False),
    money("gap_seconds", nullable=False),
    Column("rolled", Numeric, nullable=False, server_default="0"),
    Column("status", Text, nullable=False),
    moment("opened_at", nullable=False),
    moment("closed_at"),
    # Everything in the tick log up to here is counted.
    Column("place", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    # The number of the signal that opened it: a recorder's positions in a symbol were opened in this order.
    Column("opened_by", BigInteger),
    voided_by(),
    stamped_now("changed_at"),
    stamped_now("updated_at"),
    CheckConstraint("side IN ('LONG', 'SHORT')", name="side"),
    CheckConstraint("status IN ('open', 'closed', 'voided')", name="status"),
    CheckConstraint("status <> 'voided' OR voided_by IS NOT NULL", name="voided"),
    CheckConstraint(
        "total_quantity >= 0 AND (status = 'voided' OR (status = 'open') = (total_quantity > 0))", name="total_quantity"
    ),
    CheckConstraint(
        "status = 'voided' OR (status = 'closed') = (closed_at IS NOT NULL AND exit_price IS NOT NULL)", name="closed"
    ),
    CheckConstraint("worst_unrealized_pnl <= 0 AND best_unrealized_pnl >= 0", name="extremes"),
    Index(
        "uq_recorder_positions_open",
        "recorder_id",
        "ticker",
        unique=True,
        postgresql_where=text("status = 'open'"),
    ),
    Index("ix_recorder_positions_open_ticker", "ticker", "id", postgresql_where=text("status = 'open'")),
    Index(
        "ix_recorder_positions_latest",
        "recorder_id",
        "ticker",
        text("opened_by DESC NULLS LAST"),
        postgresql_where=text("status <> 'voided'"),
    ),
    Index("ix_recorder_positions_voided", "voided_by", postgresql_where=text("voided_by IS NOT NULL")),
    Index(None, "changed_at"),
    Index("ix_recorder_positions_closed", text("coalesce(closed_at, 'infinity'::timestamptz)")),
    Index(
        "ix_recorder_positions_recorder_id_closed", "recorder_id", text("coalesce(closed_at, 'infinity'::timestamptz)")
    ),
)


# One row for each stretch of a position between two fills: equity drawdown at tick precision comes from them.
position_legs = Table(
    "position_legs",
    metadata,
    Column("position_id", ForeignKey("recorder_positions.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("quantity", Integer, nullable=False),
    money("realized_before", nullable=False),
    money("lowest_result", nullable=False),
    money("highest_result", nullable=False),
    moment("started_at", nullable=False),
    moment("ended_at", nullable=False),
    Index(None, "started_at"),
)
