"""Trades as rows: one for each open lot, and one for each part of a lot that an exit closed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func

from shared.domain.money import exact, quotient
from shared.domain.position import Position, open_trades
from shared.domain.timestamps import to_datetime
from shared.domain.trades import LONG, Trade
from shared.store.many_rows import insert_many, rows_given, rows_numbered, update_many
from shared.store.position_rows import side_of
from shared.store.tables import recorded_trades

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRows:
    """The rows that a position's moves insert, and those that they change, found by position and lot while open."""

    inserts: list[Row]
    updates: list[Row]


def trade_rows(position: Position, *, recorder_id: int, position_id: int, stored_lots: Collection[int]) -> TradeRows:
    """Lay out the trades of a position that moved; `stored_lots` have an open row already.

    A lot's open row ends as its last closed part; parts closed before it are rows of their own.
    """
    keys = {"recorder_id": recorder_id, "position_id": position_id}
    still_open = {lot.number for lot in position.lots}
    last_parts = {trade.lot: index for index, trade in enumerate(position.trades) if trade.lot not in still_open}
    rows = TradeRows(inserts=[], updates=[])
    with exact():
        for index, trade in enumerate(position.trades):
            row = keys | _trade_row(trade, position)
            takes_over = trade.lot in stored_lots and last_parts.get(trade.lot) == index
            (rows.updates if takes_over else rows.inserts).append(row)
        for trade in open_trades(position):
            row = keys | _trade_row(trade, position)
            (rows.updates if trade.lot in stored_lots else rows.inserts).append(row)
    return rows


def write_trades(connection: Connection, inserts: Sequence[Row], updates: Sequence[Row]) -> None:
    """Write the rows of `trade_rows`; the changed ones first, since an open lot has one row."""
    if updates:
        connection.execute(_UPDATE, rows_given(updates))
    if inserts:
        connection.execute(insert_many(recorded_trades, tuple(inserts[0])), rows_numbered(inserts))


def _trade_row(trade: Trade, position: Position) -> Row:
    return {
        "lot": trade.lot,
        "signal_id": trade.entry_signal_id,
        "ticker": trade.symbol,
        "action": "BUY" if trade.direction == LONG else "SELL",
        "side": side_of(trade.direction),
        "entry_price": trade.entry_price,
        "entry_time": to_datetime(trade.entered_at),
        "exit_price": trade.exit_price,
        "exit_time": None if trade.exited_at is None else to_datetime(trade.exited_at),
        "quantity": trade.quantity,
        "pnl": trade.pnl,
        "pnl_ticks": trade.pnl_ticks,
        "commission": trade.commission,
        "status": "open" if trade.exited_at is None else "closed",
        "exit_reason": trade.exit_reason and trade.exit_reason.value,
        "max_favorable": trade.max_favorable,
        "max_adverse": trade.max_adverse,
        "worst_price": trade.worst_price,
        "ticks_seen": trade.ticks_seen,
        "gap_seconds": trade.gap_seconds,
        "rolled": trade.rolled,
        **_levels(trade, position.contract.tick_size),
    }


def _levels(trade: Trade, tick_size: Decimal) -> Row:
    """Return the stop and the nearest target as prices, and as ticks from the entry."""
    target, stop = trade.target_price, trade.stop_price
    return {
        "tp_price": target,
        "sl_price": stop,
        "tp_ticks": None if target is None else quotient((target - trade.entry_price) * trade.direction, tick_size),
        "sl_ticks": None if stop is None else quotient((trade.entry_price - stop) * trade.direction, tick_size),
    }


_CHANGING = [
    "quantity",
    "exit_price",
    "exit_time",
    "pnl",
    "pnl_ticks",
    "commission",
    "status",
    "exit_reason",
    "tp_price",
    "sl_price",
    "tp_ticks",
    "sl_ticks",
    "max_favorable",
    "max_adverse",
    "worst_price",
    "ticks_seen",
    "gap_seconds",
    "entry_price",
    "rolled",
]
_UPDATE = (
    update_many(recorded_trades, ["position_id", "lot"], _CHANGING)
    .where(recorded_trades.c.status == "open")
    .values(updated_at=func.clock_timestamp())
)
