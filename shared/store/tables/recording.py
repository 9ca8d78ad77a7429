"""Recorders, and every version of their settings."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.store.tables.columns import identity, metadata, moment, money, stamped_now

recorders = Table(
    "recorders",
    metadata,
    identity(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("strategy_type", Text, nullable=False, server_default="Futures"),
    Column("symbol", Text),
    Column("initial_position_size", Integer, nullable=False, server_default="1"),
    Column("tp_targets", JSONB, nullable=False, server_default="[]"),
    Column("sl_enabled", Boolean, nullable=False, server_default=text("false")),
    money("sl_amount", nullable=False),
    Column("sl_units", Text, nullable=False, server_default="Ticks"),
    Column("webhook_token_hash", LargeBinary, nullable=False, unique=True),
    Column("webhook_token_encrypted", LargeBinary, nullable=False),
    Column("recording_enabled", Boolean, nullable=False, server_default=text("true")),
    Column("signal_count", BigInteger, nullable=False, server_default="0"),
    Column("settings_id", BigInteger, nullable=False),
    stamped_now("created_at"),
    stamped_now("updated_at"),
    # How often in a row catching up with it failed, why, and until when it rests.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("error", Text),
    moment("retry_at"),
    # Ticks, by place, that are to be as though they had never been, and how far its corrections have gone.
    Column("voided_ticks", ARRAY(BigInteger), nullable=False, server_default="{}"),
    Column("corrected_through", BigInteger, nullable=False, server_default="0"),
    moment("archived_at"),
    UniqueConstraint("user_id", "name"),
    CheckConstraint("initial_position_size >= 0", name="initial_position_size"),
    CheckConstraint("archived_at IS NULL OR NOT recording_enabled", name="archived"),
)


# Every version of a recorder's settings; a signal refers to the one in force when it was accepted.
recorder_settings = Table(
    "recorder_settings",
    metadata,
    identity(),
    Column("recorder_id", ForeignKey("recorders.id", ondelete="CASCADE"), nullable=False),
    Column("settings", JSONB, nullable=False),
    stamped_now("created_at"),
    Index(None, "recorder_id"),
)
