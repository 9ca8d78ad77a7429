"""What pages and the API read of one user's signals; it writes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, select

from shared.store.pages import Order, Page, SortColumn, fetch_page
from shared.store.tables import contracts, recorded_signals, recorders

r, c, s = recorders.c, contracts.c, recorded_signals.c

_OF_INTAKE = ("raw_data", "intake_id", "fingerprint")  # the body is read for one signal only

SIGNAL_SORTS: Mapping[str, SortColumn] = {"received": SortColumn(s.id)}


SIGNAL_ORDER = Order(columns=SIGNAL_SORTS, key=s.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalFilter:
    """Which signals to list; None does not filter."""

    recorder_id: int | None = None
    ticker: str | None = None
    status: str | None = None


def list_signals(
    connection: Connection,
    user_id: int,
    wanted: SignalFilter,
    *,
    sort: str = "-received",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Row[Any]]:
    """List a page of signals without their bodies. Raises PageRefused as list_trades does."""
    pairs = ((s.recorder_id, wanted.recorder_id), (s.ticker, wanted.ticker), (s.status, wanted.status))
    query = _signals(user_id).where(and_(True, *(column == value for column, value in pairs if value is not None)))
    return fetch_page(connection, query, SIGNAL_ORDER, sort=sort, cursor=cursor, limit=limit)


def load_signal(connection: Connection, user_id: int, signal_id: int) -> Row[Any] | None:
    """Load one signal with its raw body as `raw_data`."""
    query = _signals(user_id).add_columns(s.raw_data).where(s.id == signal_id)
    return connection.execute(query).one_or_none()


def _signals(user_id: int) -> Select[Any]:
    wanted = [column for column in recorded_signals.c if column.name not in _OF_INTAKE]
    return (
        select(*wanted, r.name.label("recorder"), c.tick_size, c.currency)
        .outerjoin(recorders, r.id == s.recorder_id)
        .outerjoin(contracts, c.id == s.contract_id)
        .where(s.user_id == user_id)
    )
