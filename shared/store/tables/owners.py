"""Who logs in, and what symbols are worth to them."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, LargeBinary, Table, Text, text

from shared.store.tables.columns import identity, metadata, money, stamped_now

users = Table(
    "users",
    metadata,
    identity(),
    Column("name", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("webhook_token_hash", LargeBinary, nullable=False, unique=True),
    Column("webhook_token_encrypted", LargeBinary, nullable=False),
    Column("api_key_hash", LargeBinary, unique=True),
    Column("timezone", Text, nullable=False, server_default="America/New_York"),
    stamped_now("created_at"),
)


# Rows are versions: a correction is a new row, and the newest one of a root is in force.
contracts = Table(
    "contracts",
    metadata,
    identity(),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE")),
    Column("root", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("exchange", Text, nullable=False),
    Column("name", Text, nullable=False),
    money("tick_size", nullable=False),
    money("multiplier", nullable=False),
    Column("currency", Text, nullable=False, server_default="USD"),
    stamped_now("created_at"),
    CheckConstraint("kind IN ('future', 'spot')", name="kind"),
    CheckConstraint("tick_size > 0 AND multiplier > 0", name="positive"),
    Index(None, "root", "user_id", text("id DESC")),
)
