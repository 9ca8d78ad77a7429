"""Booked results one by one, and what a position would bring; read only."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, func, literal, select

from shared.domain.performance import Result
from shared.domain.timestamps import from_datetime
from shared.store.result_days import Scope
from shared.store.tables import contracts, recorded_trades, recorder_positions, recorders

t, p, r, c = recorded_trades.c, recorder_positions.c, recorders.c, contracts.c

_CLOSED_AT = func.coalesce(t.exit_time, literal("infinity").cast(t.exit_time.type))


def load_closings(
    connection: Connection, scope: Scope, *, since: datetime | None = None, before: datetime | None = None
) -> Mapping[str, list[Result]]:
    """Load the results of trades that closed in a stretch of time by currency, oldest first."""
    closed_at = _CLOSED_AT if scope.recorder_id is None else t.exit_time  # as one index has it, and another
    query = (
        select(t.exit_time, t.pnl, c.currency)
        .join(recorder_positions, p.id == t.position_id)
        .join(contracts, c.id == p.contract_id)
        .join(recorders, r.id == t.recorder_id)
        .where(r.user_id == scope.user_id, t.status == "closed", t.voided_by.is_(None))
        .order_by(closed_at, t.id)
    )
    if scope.recorder_id is not None:
        query = query.where(t.recorder_id == scope.recorder_id)
    if since is not None:
        query = query.where(closed_at >= since)
    if before is not None:
        query = query.where(closed_at < before)
    found: dict[str, list[Result]] = {}
    for exit_time, pnl, currency in connection.execute(query):
        found.setdefault(currency, []).append(Result(exited_at=from_datetime(exit_time), pnl=pnl))
    return found


def unrealized_at(row: Row[Any], price: Decimal | None) -> Decimal:
    """The result of a position's open lots at a price, before costs; 0 without one."""
    if price is None:
        return Decimal(0)
    value = sum((Decimal(lot["entry_price"]) * lot["quantity"] for lot in row.entries), Decimal(0))
    result: Decimal = row.multiplier * (price * row.total_quantity - value)
    return result if row.side == "LONG" else -result
