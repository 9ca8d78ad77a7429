"""Users can void signals and ticks; what was recorded otherwise before stays visible as voided."""

from alembic import op
from sqlalchemy import ARRAY, BigInteger, Boolean, Column, ForeignKey, text

revision = "0006"
down_revision = "0005"

TABLES = ("recorder_positions", "recorded_trades")


def upgrade() -> None:
    """Add the columns, tell by which signal each position was opened, and let rows be voided."""
    op.add_column("recorders", Column("voided_ticks", ARRAY(BigInteger), nullable=False, server_default=text("'{}'")))
    op.add_column("recorders", Column("corrected_through", BigInteger, nullable=False, server_default="0"))
    op.add_column("recorded_signals", Column("marked", Boolean, nullable=False, server_default=text("false")))
    op.add_column("recorder_positions", Column("opened_by", BigInteger))
    op.execute(_OPENED_BY)
    for table in TABLES:
        signal = ForeignKey("recorded_signals.id", deferrable=True, initially="DEFERRED")
        op.add_column(table, Column("voided_by", BigInteger, signal))
        is_voided = text("voided_by IS NOT NULL")
        op.create_index(f"ix_{table}_voided", table, ["voided_by"], postgresql_where=is_voided)
    op.drop_index(op.f("ix_recorder_positions_recorder_id_ticker"), "recorder_positions")
    op.create_index(
        "ix_recorder_positions_latest",
        "recorder_positions",
        ["recorder_id", "ticker", text("opened_by DESC NULLS LAST")],
        postgresql_where=text("status <> 'voided'"),
    )
    is_correction = text("signal_type = 'correction'")
    op.create_index(
        "ix_recorded_signals_corrections", "recorded_signals", ["recorder_id"], postgresql_where=is_correction
    )
    _change_checks()


def _change_checks() -> None:
    for table, name, condition in _CHECKS:
        constraint = op.f(f"ck_{table}_{name}")
        if name != "voided":
            op.drop_constraint(constraint, table)
        op.create_check_constraint(constraint, table, condition)


_IS_CLOSED = {
    "recorder_positions": "closed_at IS NOT NULL AND exit_price IS NOT NULL",
    "recorded_trades": "exit_price IS NOT NULL AND exit_time IS NOT NULL AND exit_reason IS NOT NULL"
    " AND pnl IS NOT NULL AND pnl_ticks IS NOT NULL AND commission IS NOT NULL",
}
_CHECKS = [
    ("recorded_signals", "signal_type", "signal_type IN ('strategy', 'alert', 'manual', 'correction')"),
    *((table, "status", "status IN ('open', 'closed', 'voided')") for table in TABLES),
    *((table, "voided", "status <> 'voided' OR voided_by IS NOT NULL") for table in TABLES),
    *((table, "closed", f"status = 'voided' OR (status = 'closed') = ({_IS_CLOSED[table]})") for table in TABLES),
    (
        "recorder_positions",
        "total_quantity",
        "total_quantity >= 0 AND (status = 'voided' OR (status = 'open') = (total_quantity > 0))",
    ),
]
# The first lot names the signal; where that trade is gone, it is the one that came at the moment of the opening.
_OPENED_BY = """
    UPDATE recorder_positions opened SET opened_by = signal.sequence
    FROM recorder_positions position
    LEFT JOIN LATERAL (
        SELECT signal_id FROM recorded_trades WHERE position_id = position.id AND lot = 1 ORDER BY id LIMIT 1
    ) first ON true
    LEFT JOIN LATERAL (
        SELECT sequence FROM recorded_signals
        WHERE id = first.signal_id
           OR (first.signal_id IS NULL AND recorder_id = position.recorder_id AND ticker = position.ticker
               AND received_at = position.opened_at AND sequence IS NOT NULL)
        ORDER BY id DESC LIMIT 1
    ) signal ON true
    WHERE opened.id = position.id
"""
