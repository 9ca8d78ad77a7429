"""What pages and the API read of one user's positions, and what goes across trades, positions and signals."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from shared.store.tables import contracts, recorded_signals, recorder_positions, recorders

TICKERS_LISTED = 200
POSITIONS_LISTED = 200
MARKED_SIGNALS = 8

p, r, c, s = recorder_positions.c, recorders.c, contracts.c, recorded_signals.c


def open_positions(
    connection: Connection, user_id: int, recorder_id: int | None = None, *, most: int = POSITIONS_LISTED
) -> Sequence[Row[Any]]:
    """List open positions with their contract's facts, newest first, at most `most`."""
    query = _positions(user_id).where(p.status == "open").order_by(p.id.desc()).limit(most)
    return connection.execute(query if recorder_id is None else query.where(p.recorder_id == recorder_id)).all()


def open_tickers(connection: Connection, recorder_id: int) -> set[str]:
    """Return the symbols that a recorder holds something of."""
    held = select(p.ticker).where(p.recorder_id == recorder_id, p.status == "open")
    return set(connection.execute(held).scalars())


def load_position(connection: Connection, user_id: int, position_id: int) -> Row[Any] | None:
    """Load one position, open or closed."""
    return connection.execute(_positions(user_id).where(p.id == position_id)).one_or_none()


def traded_tickers(connection: Connection, user_id: int) -> Sequence[str]:
    """List the symbols that a user's positions were in, for the choices of a filter."""
    query = (select(p.ticker).distinct().join(recorders, r.id == p.recorder_id).where(r.user_id == user_id)).order_by(
        p.ticker
    )
    return connection.execute(query.limit(TICKERS_LISTED)).scalars().all()


def recorder_names(connection: Connection, user_id: int) -> Mapping[int, str]:
    """Map the ids of a user's recorders to their names, in order of name."""
    rows = connection.execute(select(r.id, r.name).where(r.user_id == user_id).order_by(r.name))
    return {row.id: row.name for row in rows}


def change_marker(connection: Connection, user_id: int) -> tuple[object, ...]:
    """Read something that differs once a position was changed by a fill, or a signal came or was applied."""
    changed = (select(p.changed_at).join(recorders, r.id == p.recorder_id).where(r.user_id == user_id)).order_by(
        p.changed_at.desc()
    )
    newest = select(s.id, s.status).where(s.user_id == user_id).order_by(s.id.desc()).limit(MARKED_SIGNALS)
    signals = tuple(tuple(row) for row in connection.execute(newest))
    return connection.execute(changed.limit(1)).scalar(), signals


def _positions(user_id: int) -> Select[Any]:
    return (
        select(recorder_positions, r.name.label("recorder"), c.tick_size, c.multiplier, c.currency)
        .join(contracts, c.id == p.contract_id)
        .join(recorders, r.id == p.recorder_id)
        .where(r.user_id == user_id)
    )
