"""What statistics are computed from: booked results and the courses of positions; read only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, select

from shared.domain.performance import Course, Result
from shared.domain.timestamps import from_datetime
from shared.domain.trades import Leg
from shared.store.tables import contracts, position_legs, recorded_trades, recorder_positions, recorders

t, p, r, c, legs = recorded_trades.c, recorder_positions.c, recorders.c, contracts.c, position_legs.c


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderResult:
    """A booked result with the recorder it belongs to."""

    recorder_id: int
    currency: str
    result: Result


def booked_results(
    connection: Connection, user_id: int, *, recorder_id: int | None = None, since: datetime | None = None
) -> list[RecorderResult]:
    """Load the results of closed trades, oldest first."""
    query = (
        select(t.recorder_id, t.exit_time, t.pnl, c.currency)
        .join(recorder_positions, p.id == t.position_id)
        .join(contracts, c.id == p.contract_id)
        .join(recorders, r.id == t.recorder_id)
        .where(r.user_id == user_id, t.status == "closed", t.voided_by.is_(None))
        .order_by(t.exit_time, t.id)
    )
    if recorder_id is not None:
        query = query.where(t.recorder_id == recorder_id)
    if since is not None:
        query = query.where(t.exit_time >= since)
    return [
        RecorderResult(
            recorder_id=row.recorder_id,
            currency=row.currency,
            result=Result(exited_at=from_datetime(row.exit_time), pnl=row.pnl),
        )
        for row in connection.execute(query)
    ]


def load_courses(connection: Connection, user_id: int, *, recorder_id: int | None = None) -> dict[int, list[Course]]:
    """Load the courses of all positions by recorder; an open one ends with the stretch it is in."""
    query = (
        select(recorder_positions, c.multiplier)
        .join(contracts, c.id == p.contract_id)
        .join(recorders, r.id == p.recorder_id)
        .where(r.user_id == user_id, p.voided_by.is_(None))
        .order_by(p.opened_at, p.opened_by, p.id)
    )
    if recorder_id is not None:
        query = query.where(p.recorder_id == recorder_id)
    ended = _load_legs(connection, user_id)
    courses: dict[int, list[Course]] = {}
    for number, row in enumerate(connection.execute(query)):
        courses.setdefault(row.recorder_id, []).append(_course(number, row, ended.get(row.id, [])))
    return courses


def _load_legs(connection: Connection, user_id: int) -> dict[int, list[Leg]]:
    query = (
        select(position_legs)
        .join(recorder_positions, p.id == legs.position_id)
        .join(recorders, r.id == p.recorder_id)
        .where(r.user_id == user_id)
        .order_by(legs.position_id, legs.number)
    )
    rows = connection.execute(query)
    return {position: [_leg(row) for row in group] for position, group in groupby(rows, lambda row: row.position_id)}


def _leg(row: Row[Any]) -> Leg:
    return Leg(
        number=row.number,
        quantity=row.quantity,
        realized_before=row.realized_before,
        lowest_result=row.lowest_result,
        highest_result=row.highest_result,
        started_at=from_datetime(row.started_at),
        ended_at=from_datetime(row.ended_at),
    )


def _course(number: int, row: Row[Any], ended: Sequence[Leg]) -> Course:
    is_open = row.status == "open"
    return Course(
        number=number,
        legs=[*ended, *([_current_leg(row)] if is_open else [])],
        realized_pnl=row.realized_pnl,
        closed_at=None if is_open else from_datetime(row.closed_at),
        ticks_seen=row.ticks_seen,
        gap_seconds=row.gap_seconds,
    )


def _current_leg(row: Row[Any]) -> Leg:
    """Describe the stretch since the last fill as a leg that has not ended."""
    results = sorted(unrealized_at(row, price) for price in (row.lowest_since_fill, row.highest_since_fill))
    return Leg(
        number=row.totals["leg"],
        quantity=row.total_quantity,
        realized_before=row.realized_pnl,
        lowest_result=row.realized_pnl + results[0],
        highest_result=row.realized_pnl + results[1],
        started_at=row.totals["leg_started_at"],
        ended_at=row.totals["leg_started_at"],
    )


def unrealized_at(row: Row[Any], price: Decimal | None) -> Decimal:
    """The result of a position's open lots at a price, before costs; 0 without one."""
    if price is None:
        return Decimal(0)
    value = sum((Decimal(lot["entry_price"]) * lot["quantity"] for lot in row.entries), Decimal(0))
    result: Decimal = row.multiplier * (price * row.total_quantity - value)
    return result if row.side == "LONG" else -result
