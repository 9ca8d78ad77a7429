"""What pages and the API read of one user's positions, and what goes across trades, positions and signals."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, union

from shared.store.tables import (
    contracts,
    recorded_signals,
    recorded_trades,
    recorder_positions,
    recorders,
    result_scopes,
)

NEWEST_TRADES = 500
SYMBOLS_LISTED = 100
RECORDERS_LISTED = 200
POSITIONS_LISTED = 50
MARKED_SIGNALS = 8

p, t, r, c, s = recorder_positions.c, recorded_trades.c, recorders.c, contracts.c, recorded_signals.c


def open_positions(
    connection: Connection, user_id: int, recorder_id: int | None = None, *, most: int = POSITIONS_LISTED
) -> Sequence[Row[Any]]:
    """List open positions with their contract's facts, newest first, at most `most`."""
    query = _positions(user_id).where(p.status == "open").order_by(p.id.desc()).limit(most)
    return connection.execute(query if recorder_id is None else query.where(p.recorder_id == recorder_id)).all()


def open_positions_of(connection: Connection, recorder_ids: Collection[int]) -> Sequence[Row[Any]]:
    """List what some recorders hold: side, quantity and symbol."""
    held: Select[Any] = select(p.recorder_id, p.side, p.total_quantity, p.ticker).order_by(p.id.desc())
    return connection.execute(held.where(p.recorder_id == func.any(list(recorder_ids)), p.status == "open")).all()


def open_tickers(connection: Connection, recorder_id: int) -> set[str]:
    """Return the symbols that a recorder holds something of."""
    held = select(p.ticker).where(p.recorder_id == recorder_id, p.status == "open")
    return set(connection.execute(held).scalars())


def load_position(connection: Connection, user_id: int, position_id: int) -> Row[Any] | None:
    """Load one position, open or closed."""
    return connection.execute(_positions(user_id).where(p.id == position_id)).one_or_none()


def traded_tickers(connection: Connection, user_id: int) -> set[str]:
    """List the symbols of a user's recorders and of their newest trades, for the choices of a filter."""
    newest = select(t.ticker).join(recorders, r.id == t.recorder_id).where(r.user_id == user_id)
    newest = newest.order_by(t.entry_time.desc(), t.id.desc()).limit(NEWEST_TRADES)
    own = select(r.symbol).distinct().where(r.user_id == user_id, r.symbol.is_not(None)).limit(SYMBOLS_LISTED)
    return set(connection.execute(union(newest.subquery().select(), own.subquery().select())).scalars())


def recorder_names(connection: Connection, user_id: int) -> Mapping[int, str]:
    """Map the ids of a user's recorders to their names, in order of name."""
    rows = connection.execute(select(r.id, r.name).where(r.user_id == user_id).order_by(r.name))
    return {row.id: row.name for row in rows}


def recorder_choices(connection: Connection, user_id: int, chosen: int | None) -> Mapping[int, str]:
    """Map the ids of a user's recorders to their names, in order of name; of very many the first and the chosen one."""
    names = select(r.id, r.name).where(r.user_id == user_id)
    rows = connection.execute(names.order_by((r.id == (chosen or 0)).desc(), r.name).limit(RECORDERS_LISTED))
    return {row.id: row.name for row in sorted(rows, key=lambda row: row.name)}


def busiest_recorders(connection: Connection, user_id: int, *, most: int) -> Mapping[int, str]:
    """Map the ids of the recorders that took most signals to their names, in order of name."""
    rows = connection.execute(
        select(r.id, r.name).where(r.user_id == user_id).order_by(r.signal_count.desc(), r.name).limit(most)
    )
    return {row.id: row.name for row in sorted(rows, key=lambda row: row.name)}


def newest_change(connection: Connection, user_id: int, *, within_seconds: float) -> datetime | None:
    """Say when a fill last changed a position, if that was within the last seconds; older ones are not looked for."""
    since = func.clock_timestamp() - timedelta(seconds=within_seconds)
    changed = select(p.changed_at).join(recorders, r.id == p.recorder_id)
    changed = changed.where(r.user_id == user_id, p.changed_at > since).order_by(p.changed_at.desc()).limit(1)
    return connection.execute(changed).scalar()


def signals_marker(connection: Connection, user_id: int) -> tuple[object, ...]:
    """Read something that differs once a signal came or was applied."""
    newest = select(s.id, s.status).where(s.user_id == user_id).order_by(s.id.desc()).limit(MARKED_SIGNALS)
    return tuple(tuple(row) for row in connection.execute(newest))


def results_marker(connection: Connection, user_id: int) -> date | None:
    """Read something that differs once a history was added up."""
    settled = select(result_scopes.c.settled_through)
    return connection.execute(
        settled.where(result_scopes.c.user_id == user_id, result_scopes.c.recorder_id.is_(None))
    ).scalar()


def _positions(user_id: int) -> Select[Any]:
    return (
        select(recorder_positions, r.name.label("recorder"), c.tick_size, c.multiplier, c.currency)
        .join(contracts, c.id == p.contract_id)
        .join(recorders, r.id == p.recorder_id)
        .where(r.user_id == user_id)
    )
