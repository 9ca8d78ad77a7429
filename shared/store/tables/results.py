"""What trading days came to: a cache of trades and legs."""

from typing import Any

from sqlalchemy import Column, Date, ForeignKey, Index, Integer, Table, Text, text

from shared.store.tables.columns import identity, metadata, moment, money

# Whose trading days are added up: those of one recorder, or with NULL those of all of a user's.
result_scopes = Table(
    "result_scopes",
    metadata,
    identity(),
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
        money("won", nullable=False),
        money("lost", nullable=False),
        money("equity_high", nullable=False),
        money("equity_low", nullable=False),
        money("equity_fall", nullable=False),
        moment("last_closed_at"),
        money("low_change", nullable=False),
        money("low_lowest", nullable=False),
        Column("open_at_lowest", Integer, nullable=False),
        money("booked_change", nullable=False),
        money("booked_high", nullable=False),
        money("fall", nullable=False),
        Column("open_at_fall", Integer, nullable=False),
        Column("open_change", Integer, nullable=False),
        Column("gaps", Integer, nullable=False),
        money("longest_gap_seconds", nullable=False),
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
