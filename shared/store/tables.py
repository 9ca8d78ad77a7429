"""The tables of the recorder; what they mean is in docs/semantics.md, how they change is in migrations/.

Prices and money are NUMERIC without a scale, so that Postgres keeps them exactly as the core computed them.
Places in the tick log are bigint (`shared.domain.places`).
"""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[Any]:
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def _moment(name: str, *, nullable: bool = True) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _now(name: str) -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp())


def _money(name: str, *, nullable: bool = True) -> Column[Any]:
    return Column(name, Numeric, nullable=nullable)


users = Table(
    "users",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("webhook_token_hash", LargeBinary, nullable=False, unique=True),
    Column("webhook_token_encrypted", LargeBinary, nullable=False),
    Column("api_key_hash", LargeBinary, unique=True),
    Column("timezone", Text, nullable=False, server_default="America/New_York"),
    _now("created_at"),
)

# Rows are versions: a correction is a new row, and the newest one of a root is in force.
contracts = Table(
    "contracts",
    metadata,
    _id(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE")),
    Column("root", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("exchange", Text, nullable=False),
    Column("name", Text, nullable=False),
    _money("tick_size", nullable=False),
    _money("multiplier", nullable=False),
    Column("currency", Text, nullable=False, server_default="USD"),
    _now("created_at"),
    CheckConstraint("kind IN ('future', 'spot')", name="kind"),
    CheckConstraint("tick_size > 0 AND multiplier > 0", name="positive"),
    Index(None, "root", "user_id", text("id DESC")),
)

recorders = Table(
    "recorders",
    metadata,
    _id(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("strategy_type", Text, nullable=False, server_default="Futures"),
    Column("symbol", Text),
    Column("initial_position_size", Integer, nullable=False, server_default="1"),
    Column("tp_targets", JSONB, nullable=False, server_default="[]"),
    Column("sl_enabled", Boolean, nullable=False, server_default=text("false")),
    _money("sl_amount", nullable=False),
    Column("sl_units", Text, nullable=False, server_default="Ticks"),
    Column("webhook_token_hash", LargeBinary, nullable=False, unique=True),
    Column("webhook_token_encrypted", LargeBinary, nullable=False),
    Column("recording_enabled", Boolean, nullable=False, server_default=text("true")),
    Column("signal_count", BigInteger, nullable=False, server_default="0"),
    Column("settings_id", BigInteger, nullable=False),
    _now("created_at"),
    _now("updated_at"),
    # How often in a row catching up with it failed, why, and until when it rests.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("error", Text),
    _moment("retry_at"),
    # Ticks, by place, that are to be as though they had never been, and how far its corrections have gone.
    Column("voided_ticks", ARRAY(BigInteger), nullable=False, server_default="{}"),
    Column("corrected_through", BigInteger, nullable=False, server_default="0"),
    _moment("archived_at"),
    UniqueConstraint("user_id", "name"),
    CheckConstraint("initial_position_size >= 0", name="initial_position_size"),
    CheckConstraint("archived_at IS NULL OR NOT recording_enabled", name="archived"),
)

# Every version of a recorder's settings; a signal refers to the one in force when it was accepted.
recorder_settings = Table(
    "recorder_settings",
    metadata,
    _id(),
    Column("recorder_id", ForeignKey("recorders.id", ondelete="CASCADE"), nullable=False),
    Column("settings", JSONB, nullable=False),
    _now("created_at"),
    Index(None, "recorder_id"),
)

recorded_signals = Table(
    "recorded_signals",
    metadata,
    _id(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("recorder_id", ForeignKey("recorders.id", ondelete="CASCADE")),
    Column("settings_id", ForeignKey("recorder_settings.id", deferrable=True, initially="DEFERRED")),
    Column("contract_id", ForeignKey("contracts.id", deferrable=True, initially="DEFERRED")),
    Column("action", Text),
    Column("ticker", Text),
    _money("price"),
    Column("position_size", BigInteger),
    Column("market_position", Text),
    Column("signal_type", Text),
    Column("raw_data", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("note", Text),
    # Its place in the tick log: at acceptance, and for good once applied. NULL: the log was away, found when applied.
    Column("place", BigInteger),
    _money("market_price"),
    _moment("occurred_at"),
    _moment("received_at", nullable=False),
    _moment("recorded_at"),
    # When it was accepted, by the clock of the server that took it: pending signals apply in this order.
    _now("created_at"),
    # Of one request, so that a body that was taken twice, by both servers or by an unsure one, is stored once.
    Column("intake_id", Uuid, nullable=False, unique=True, server_default=text("gen_random_uuid()")),
    # Of a body, for as long as an equal one is the same signal; `duplicates` counts those.
    Column("fingerprint", LargeBinary),
    Column("duplicates", Integer, nullable=False, server_default="0"),
    # Its number among the signals that its recorder took, in the order in which they were applied.
    Column("sequence", BigInteger),
    # What became of the entry it asked for: `entered`, or the name of the filter that held it back. NULL: neither.
    Column("entry", Text),
    # Of a correction: the prices were gone, so that trades were only taken out of totals.
    Column("marked", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("recorder_id", "fingerprint"),
    UniqueConstraint("recorder_id", "sequence"),
    CheckConstraint("status IN ('accepted', 'recorded', 'ignored', 'rejected')", name="status"),
    CheckConstraint("signal_type IN ('strategy', 'alert', 'manual', 'correction')", name="signal_type"),
    CheckConstraint("status <> 'recorded' OR sequence IS NOT NULL", name="sequence"),
    CheckConstraint("status = 'accepted' OR recorded_at IS NOT NULL", name="recorded_at"),
    CheckConstraint("status IN ('accepted', 'recorded') OR reason IS NOT NULL", name="reason"),
    CheckConstraint("status = 'rejected' OR (recorder_id IS NOT NULL AND settings_id IS NOT NULL)", name="recorder"),
    Index("ix_recorded_signals_pending", "recorder_id", "id", postgresql_where=text("status = 'accepted'")),
    Index(None, "recorder_id", text("id DESC")),
    Index("ix_recorded_signals_entered", "recorder_id", "received_at", postgresql_where=text("entry = 'entered'")),
    Index("ix_recorded_signals_corrections", "recorder_id", postgresql_where=text("signal_type = 'correction'")),
    Index(None, "user_id", text("id DESC")),
    Index(None, "settings_id"),
)


def _voided_by() -> Column[Any]:
    """The correction that took a row out of what is counted; of one that is `voided` the logs know nothing any more."""
    return Column("voided_by", ForeignKey("recorded_signals.id", deferrable=True, initially="DEFERRED"))


recorder_positions = Table(
    "recorder_positions",
    metadata,
    _id(),
    Column("recorder_id", ForeignKey("recorders.id", ondelete="CASCADE"), nullable=False),
    Column("contract_id", ForeignKey("contracts.id", deferrable=True, initially="DEFERRED"), nullable=False),
    Column("ticker", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("total_quantity", Integer, nullable=False),
    Column("max_quantity", Integer, nullable=False),
    _money("avg_entry_price", nullable=False),
    Column("entries", JSONB, nullable=False),
    Column("exit_plan", JSONB, nullable=False),
    Column("totals", JSONB, nullable=False),
    _money("current_price"),
    _money("unrealized_pnl", nullable=False),
    _money("worst_unrealized_pnl", nullable=False),
    _money("best_unrealized_pnl", nullable=False),
    _money("worst_price", nullable=False),
    _moment("worst_at", nullable=False),
    _moment("best_at", nullable=False),
    # Extremes of the prices since the last fill; the open lots' own extremes follow from them.
    _money("lowest_since_fill"),
    _moment("lowest_since_fill_at"),
    _money("highest_since_fill"),
    _moment("highest_since_fill_at"),
    # The best tick since the last entry, where an exit follows it.
    _money("best_since_entry"),
    _money("exit_price"),
    _money("realized_pnl", nullable=False),
    Column("ticks_seen", BigInteger, nullable=False),
    _money("gap_seconds", nullable=False),
    Column("rolled", Numeric, nullable=False, server_default="0"),
    Column("status", Text, nullable=False),
    _moment("opened_at", nullable=False),
    _moment("closed_at"),
    # Everything in the tick log up to here is counted.
    Column("place", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    # The number of the signal that opened it: a recorder's positions in a symbol were opened in this order.
    Column("opened_by", BigInteger),
    _voided_by(),
    _now("changed_at"),
    _now("updated_at"),
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

recorded_trades = Table(
    "recorded_trades",
    metadata,
    _id(),
    Column("recorder_id", ForeignKey("recorders.id", ondelete="CASCADE"), nullable=False),
    Column("position_id", ForeignKey("recorder_positions.id", ondelete="CASCADE"), nullable=False),
    Column("signal_id", ForeignKey("recorded_signals.id", deferrable=True, initially="DEFERRED")),
    Column("lot", Integer, nullable=False),
    Column("ticker", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("side", Text, nullable=False),
    _money("entry_price", nullable=False),
    _moment("entry_time", nullable=False),
    _money("exit_price"),
    _moment("exit_time"),
    Column("quantity", Integer, nullable=False),
    _money("pnl"),
    _money("pnl_ticks"),
    _money("commission"),
    Column("status", Text, nullable=False),
    Column("exit_reason", Text),
    _money("tp_price"),
    _money("sl_price"),
    _money("tp_ticks"),
    _money("sl_ticks"),
    _money("max_favorable", nullable=False),
    _money("max_adverse", nullable=False),
    _money("worst_price", nullable=False),
    Column("ticks_seen", BigInteger, nullable=False),
    _money("gap_seconds", nullable=False),
    Column("rolled", Numeric, nullable=False, server_default="0"),
    _voided_by(),
    _now("created_at"),
    _now("updated_at"),
    CheckConstraint("side IN ('LONG', 'SHORT')", name="side"),
    CheckConstraint("action IN ('BUY', 'SELL')", name="action"),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("status IN ('open', 'closed', 'voided')", name="status"),
    CheckConstraint("status <> 'voided' OR voided_by IS NOT NULL", name="voided"),
    CheckConstraint(
        "status = 'voided' OR (status = 'closed') = (exit_price IS NOT NULL AND exit_time IS NOT NULL"
        " AND exit_reason IS NOT NULL AND pnl IS NOT NULL AND pnl_ticks IS NOT NULL AND commission IS NOT NULL)",
        name="closed",
    ),
    CheckConstraint(
        "exit_reason IN ('tp', 'sl', 'trail', 'break_even', 'signal', 'reversal', 'session_end', 'manual')",
        name="exit_reason",
    ),
    CheckConstraint("max_adverse <= 0 AND max_favorable >= 0", name="extremes"),
    Index(
        "uq_recorded_trades_open_lot",
        "position_id",
        "lot",
        unique=True,
        postgresql_where=text("status = 'open'"),
    ),
    Index(None, "recorder_id", text("id DESC")),
    Index(None, "position_id"),
    Index(None, "signal_id"),
    Index("ix_recorded_trades_voided", "voided_by", postgresql_where=text("voided_by IS NOT NULL")),
    Index(None, "recorder_id", "exit_time"),
    Index(None, "entry_time", "id"),
    Index("ix_recorded_trades_closed", text("coalesce(exit_time, 'infinity'::timestamptz)"), "id"),
)

# One row for each stretch of a position between two fills: equity drawdown at tick precision comes from them.
position_legs = Table(
    "position_legs",
    metadata,
    Column("position_id", ForeignKey("recorder_positions.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("quantity", Integer, nullable=False),
    _money("realized_before", nullable=False),
    _money("lowest_result", nullable=False),
    _money("highest_result", nullable=False),
    _moment("started_at", nullable=False),
    _moment("ended_at", nullable=False),
    Index(None, "started_at"),
)

# Whose trading days are added up: those of one recorder, or with NULL those of all of a user's.
result_scopes = Table(
    "result_scopes",
    metadata,
    _id(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("recorder_id", ForeignKey("recorders.id", ondelete="CASCADE"), unique=True),
    Column("settled_through", Date),
    Column("total_through", Date),
    Index("uq_result_scopes_user_id", "user_id", unique=True, postgresql_where=text("recorder_id IS NULL")),
)

# Days through `settled_through` that have to be computed all the same.
unsettled_days = Table(
    "unsettled_days",
    metadata,
    Column("scope_id", ForeignKey("result_scopes.id", ondelete="CASCADE"), primary_key=True),
    Column("day", Date, primary_key=True),
)


def _of_result_days() -> list[Column[Any]]:
    """What trading days came to; `shared.domain.result_days` says what the columns mean."""
    return [
        Column("trades", Integer, nullable=False),
        Column("wins", Integer, nullable=False),
        _money("won", nullable=False),
        _money("lost", nullable=False),
        _money("equity_high", nullable=False),
        _money("equity_low", nullable=False),
        _money("equity_fall", nullable=False),
        _moment("last_closed_at"),
        _money("low_change", nullable=False),
        _money("low_lowest", nullable=False),
        Column("open_at_lowest", Integer, nullable=False),
        _money("booked_change", nullable=False),
        _money("booked_high", nullable=False),
        _money("fall", nullable=False),
        Column("open_at_fall", Integer, nullable=False),
        Column("open_change", Integer, nullable=False),
        Column("gaps", Integer, nullable=False),
        _money("longest_gap_seconds", nullable=False),
        Column("unseen", Integer, nullable=False),
    ]


# What settled days came to; a cache of trades and legs.
result_days = Table(
    "result_days",
    metadata,
    Column("scope_id", ForeignKey("result_scopes.id", ondelete="CASCADE"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("currency", Text, primary_key=True),
    *_of_result_days(),
)

# What all days through `total_through` came to together; `day` is the last of them that came to something.
result_totals = Table(
    "result_totals",
    metadata,
    Column("scope_id", ForeignKey("result_scopes.id", ondelete="CASCADE"), primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("day", Date, nullable=False),
    *_of_result_days(),
)
