"""What came to recorders, and what became of it."""

from sqlalchemy import (
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
    Uuid,
    text,
)

from shared.store.tables.columns import identity, metadata, moment, money, stamped_now

recorded_signals = Table(
    "recorded_signals",
    metadata,
    identity(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("recorder_id", ForeignKey("recorders.id", ondelete="CASCADE")),
    Column("settings_id", ForeignKey("recorder_settings.id", deferrable=True, initially="DEFERRED")),
    Column("contract_id", ForeignKey("contracts.id", deferrable=True, initially="DEFERRED")),
    Column("action", Text),
    Column("ticker", Text),
    money("price"),
    Column("position_size", BigInteger),
    Column("market_position", Text),
    Column("signal_type", Text),
    Column("raw_data", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("note", Text),
    # Its place in the tick log: at acceptance, and for good once applied. NULL: the log was away, found when applied.
    Column("place", BigInteger),
    money("market_price"),
    moment("occurred_at"),
    moment("received_at", nullable=False),
    moment("recorded_at"),
    # When it was accepted, by the clock of the server that took it: pending signals apply in this order.
    stamped_now("created_at"),
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
