"""What pages and the API read of one user's trades; it writes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, literal, select

from shared.store.pages import Order, Page, SortColumn, fetch_page
from shared.store.tables import contracts, recorded_trades, recorder_positions, recorders

VOIDED = "voided"

t, p, r, c = recorded_trades.c, recorder_positions.c, recorders.c, contracts.c


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeFilter:
    """Which trades to list; None does not filter, but voided ones are listed by the status `voided` alone."""

    recorder_id: int | None = None
    position_id: int | None = None
    ticker: str | None = None
    side: str | None = None
    status: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """A trade as it is listed; of an open one the exit is None and `pnl` is unrealized, at the last tick.

    `max_adverse`, `max_favorable`, `ticks_seen` and `gap_seconds` of an open trade include the time since the last
    fill of its position. `voided_by` is the correction that took it out of what is counted.
    """

    id: int
    position_id: int
    signal_id: int | None
    recorder_id: int
    recorder: str
    ticker: str
    side: str
    quantity: int
    status: str
    entry_price: Decimal
    entry_time: Any
    exit_price: Decimal | None
    exit_time: Any
    exit_reason: str | None
    pnl: Decimal | None
    pnl_ticks: Decimal | None
    commission: Decimal | None
    max_adverse: Decimal
    max_favorable: Decimal
    worst_price: Decimal
    ticks_seen: int
    gap_seconds: Decimal
    rolled: Decimal
    voided_by: int | None
    tick_size: Decimal
    currency: str


def _against(price: ColumnElement[Any], side: str) -> ColumnElement[Any]:
    """The result of a trade's quantity at a price, before costs."""
    points = price - t.entry_price if side == "LONG" else t.entry_price - price
    return points * t.quantity * c.multiplier


def _of_open(since_fill: Mapping[str, ColumnElement[Any]], stored: ColumnElement[Any]) -> ColumnElement[Any]:
    """An extreme: as stored once closed, else joined with what the position saw since its last fill."""
    at_extreme = case((t.side == "LONG", since_fill["LONG"]), else_=since_fill["SHORT"])
    return case((t.exit_price.is_not(None), stored), else_=at_extreme)


ADVERSE = _of_open(
    {
        "LONG": func.least(t.max_adverse, _against(p.lowest_since_fill, "LONG")),
        "SHORT": func.least(t.max_adverse, _against(p.highest_since_fill, "SHORT")),
    },
    t.max_adverse,
)
FAVORABLE = _of_open(
    {
        "LONG": func.greatest(t.max_favorable, _against(p.highest_since_fill, "LONG")),
        "SHORT": func.greatest(t.max_favorable, _against(p.lowest_since_fill, "SHORT")),
    },
    t.max_favorable,
)
WORST_PRICE = _of_open(
    {
        "LONG": func.least(t.worst_price, p.lowest_since_fill),
        "SHORT": func.greatest(t.worst_price, p.highest_since_fill),
    },
    t.worst_price,
)
STATUS = case((t.voided_by.is_not(None), "voided"), else_=t.status)
PNL = case(
    (t.pnl.is_not(None), t.pnl),
    (t.side == "LONG", _against(p.current_price, "LONG")),
    else_=_against(p.current_price, "SHORT"),
)

TRADE_SORTS: Mapping[str, SortColumn] = {
    "opened": SortColumn(t.entry_time),
    "closed": SortColumn(func.coalesce(t.exit_time, literal("infinity").cast(t.exit_time.type))),
    "recorder": SortColumn(r.name),
    "symbol": SortColumn(t.ticker),
    "side": SortColumn(t.side),
    "size": SortColumn(t.quantity),
    "entry": SortColumn(t.entry_price),
    "profit": SortColumn(func.coalesce(PNL, 0)),
    "drawdown": SortColumn(-ADVERSE),
    "runup": SortColumn(FAVORABLE),
}
TRADE_ORDER = Order(columns=TRADE_SORTS, key=t.id)


def list_trades(
    connection: Connection,
    user_id: int,
    wanted: TradeFilter,
    *,
    sort: str = "-opened",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[TradeRow]:
    """List a page of trades; `sort` is a key of TRADE_SORTS, `-` before it for descending.

    Raises PageRefused for another sort or a cursor that is not one.
    """
    query = _trades(user_id).where(and_(True, *(column == value for column, value in _trade_conditions(wanted))))
    query = query.where(t.voided_by.is_not(None) if wanted.status == VOIDED else t.voided_by.is_(None))
    page = fetch_page(connection, query, TRADE_ORDER, sort=sort, cursor=cursor, limit=limit)
    return page.map(_trade)


def load_trade(connection: Connection, user_id: int, trade_id: int) -> TradeRow | None:
    """Load one trade."""
    row = connection.execute(_trades(user_id).where(t.id == trade_id)).one_or_none()
    return None if row is None else _trade(row)


def _trade_conditions(wanted: TradeFilter) -> list[tuple[ColumnElement[Any], object]]:
    pairs: list[tuple[ColumnElement[Any], object]] = [
        (t.recorder_id, wanted.recorder_id),
        (t.position_id, wanted.position_id),
        (t.ticker, wanted.ticker),
        (t.side, wanted.side),
        (STATUS, wanted.status),
        (t.exit_reason, wanted.reason),
    ]
    return [(column, value) for column, value in pairs if value is not None]


def _trades(user_id: int) -> Select[Any]:
    plain = [
        "id",
        "position_id",
        "signal_id",
        "recorder_id",
        "ticker",
        "side",
        "quantity",
        "entry_price",
        "entry_time",
        "exit_price",
        "exit_time",
        "exit_reason",
        "pnl_ticks",
        "commission",
        "ticks_seen",
        "gap_seconds",
        "rolled",
        "voided_by",
        "lot",
    ]
    return (
        select(
            *(t[name] for name in plain),
            r.name.label("recorder"),
            STATUS.label("status"),
            PNL.label("pnl"),
            ADVERSE.label("max_adverse"),
            FAVORABLE.label("max_favorable"),
            WORST_PRICE.label("worst_price"),
            c.tick_size,
            c.currency,
            p.entries,
            p.ticks_seen.label("position_ticks_seen"),
        )
        .join(recorder_positions, p.id == t.position_id)
        .join(contracts, c.id == p.contract_id)
        .join(recorders, r.id == t.recorder_id)
        .where(r.user_id == user_id)
    )


def _trade(row: Row[Any]) -> TradeRow:
    values = {name: value for name, value in row._mapping.items() if not name.startswith("_")}  # noqa: SLF001
    entries, position_ticks, lot = (values.pop(name) for name in ("entries", "position_ticks_seen", "lot"))
    if row.status == "open":
        entry = next((each for each in entries if each["number"] == lot), None)
        if entry is not None:
            values["ticks_seen"] = position_ticks - int(entry["ticks_before"])
            values["gap_seconds"] = Decimal(entry["gap_seconds"])
    return TradeRow(**values)
