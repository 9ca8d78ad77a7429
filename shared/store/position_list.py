"""A user's positions, open and closed, as programs list them; it writes nothing."""

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, Row, Select, case, select

from shared.store.pages import Order, Page, SortColumn, fetch_page
from shared.store.tables import contracts, recorder_positions, recorders

p = recorder_positions.c

STATUS = case((p.voided_by.is_not(None), "voided"), else_=p.status)

# What a position is to its owner; its running totals are the fold's.
_SHOWN = [
    "id",
    "recorder_id",
    "ticker",
    "side",
    "total_quantity",
    "max_quantity",
    "avg_entry_price",
    "current_price",
    "unrealized_pnl",
    "worst_unrealized_pnl",
    "best_unrealized_pnl",
    "worst_price",
    "worst_at",
    "best_at",
    "exit_price",
    "realized_pnl",
    "ticks_seen",
    "gap_seconds",
    "rolled",
    "voided_by",
    "opened_at",
    "closed_at",
    "updated_at",
    "exit_plan",
    "best_since_entry",
]

POSITION_ORDER = Order(
    columns={
        "opened": SortColumn(p.opened_at),
        "recorder": SortColumn(recorders.c.name),
        "symbol": SortColumn(p.ticker),
        "realized": SortColumn(p.realized_pnl),
        "drawdown": SortColumn(-p.worst_unrealized_pnl),
    },
    key=p.id,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionFilter:
    """Which positions to list; None does not filter, but voided ones are listed by the status `voided` alone."""

    recorder_id: int | None = None
    ticker: str | None = None
    side: str | None = None
    status: str | None = None


def list_positions(
    connection: Connection, user_id: int, wanted: PositionFilter, *, sort: str, cursor: str | None, limit: int
) -> Page[Row[Any]]:
    """List a page of positions; `sort` is a column of POSITION_ORDER, `-` before it for descending.

    Raises PageRefused.
    """
    query = _positions_of(user_id)
    for each in fields(wanted):
        value = getattr(wanted, each.name)
        if value is not None:
            query = query.where((STATUS if each.name == "status" else p[each.name]) == value)
    if wanted.status is None:
        query = query.where(p.voided_by.is_(None))
    return fetch_page(connection, query, POSITION_ORDER, sort=sort, cursor=cursor, limit=limit)


def find_position(connection: Connection, user_id: int, position_id: int) -> Row[Any] | None:
    """Find one of the user's positions."""
    return connection.execute(_positions_of(user_id).where(p.id == position_id)).one_or_none()


def _positions_of(user_id: int) -> Select[Any]:
    facts = (
        STATUS.label("status"),
        recorders.c.name.label("recorder"),
        contracts.c.tick_size,
        contracts.c.multiplier,
        contracts.c.currency,
    )
    return (
        select(*(p[name] for name in _SHOWN), *facts)
        .join(recorders, recorders.c.id == p.recorder_id)
        .join(contracts, contracts.c.id == p.contract_id)
        .where(recorders.c.user_id == user_id)
    )
