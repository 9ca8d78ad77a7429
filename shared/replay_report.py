"""The output of `recorder replay`: verdicts, trades and positions as JSON values; nothing is computed here."""

from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any

from shared.domain.application import Applied
from shared.domain.fold import RecorderFold
from shared.domain.money import exact
from shared.domain.numbers import plain
from shared.domain.position import Position, open_trades
from shared.domain.timestamps import format_timestamp
from shared.domain.trades import LONG, Trade

Report = dict[str, list[dict[str, Any]]]


def describe_recorder(
    report: Report,
    recorder: str,
    fold: RecorderFold,
    refused: Iterable[tuple[int, Applied]],
    time_digits: int,
    *,
    left_out: Collection[int] = (),
) -> None:
    """Append one recorder's signals, trades and positions to a report, positions in the order of opening.

    Positions with an entry by one of the signals `left_out` are not described.
    """
    judged = [(verdict.accepted.id, verdict.applied) for verdict in fold.verdicts] + list(refused)
    report["signals"].extend(_signal(line, recorder, applied) for line, applied in sorted(judged, key=_line))
    positions = sorted((each for moved in fold.positions.values() for each in moved), key=_opening)
    with exact():
        for position in positions:
            trades = sorted((*position.trades, *open_trades(position)), key=_lot)
            if any(trade.entry_signal_id in left_out for trade in trades):
                continue
            report["trades"].extend(_trade(recorder, trade, time_digits) for trade in trades)
            report["positions"].append(_position(recorder, position, time_digits))


def _line(judged: tuple[int, Applied]) -> int:
    return judged[0]


def _opening(position: Position) -> tuple[int, str]:
    """Those of one moment by their symbols, whatever else moved them first."""
    return position.opened_at, position.symbol


def _lot(trade: Trade) -> int:
    return trade.lot


def _signal(line: int, recorder: str, applied: Applied) -> dict[str, Any]:
    described = {"line": line, "recorder": recorder, "status": applied.status, "reason": applied.reason}
    return described | ({"note": applied.note} if applied.note else {})


def _trade(recorder: str, trade: Trade, digits: int) -> dict[str, Any]:
    return {
        "recorder": recorder,
        "symbol": trade.symbol,
        "side": _side(trade.direction),
        "quantity": trade.quantity,
        "entry_time": format_timestamp(trade.entered_at, digits),
        "entry_price": plain(trade.entry_price),
        "exit_time": _time(trade.exited_at, digits),
        "exit_price": _number(trade.exit_price),
        "exit_reason": trade.exit_reason and trade.exit_reason.value,
        "pnl": _number(trade.pnl),
        "pnl_ticks": _number(trade.pnl_ticks),
        "commission": "0" if trade.commission is None else plain(trade.commission),
        "max_favorable": plain(trade.max_favorable),
        "max_adverse": plain(trade.max_adverse),
        "worst_price": plain(trade.worst_price),
        "ticks_seen": trade.ticks_seen,
        "gap_seconds": plain(trade.gap_seconds),
        "rolled": plain(trade.rolled),
        "status": "open" if trade.exited_at is None else "closed",
    }


def _position(recorder: str, position: Position, digits: int) -> dict[str, Any]:
    return {
        "recorder": recorder,
        "symbol": position.symbol,
        "side": _side(position.direction),
        "quantity": position.quantity,
        "max_quantity": position.max_quantity,
        "opened_at": format_timestamp(position.opened_at, digits),
        "closed_at": _time(position.closed_at, digits),
        "avg_entry_price": plain(position.avg_entry_price),
        "exit_price": _number(position.exit_price),
        "realized_pnl": plain(position.realized_pnl),
        "worst_unrealized_pnl": plain(position.worst_pnl),
        "best_unrealized_pnl": plain(position.best_pnl),
        "worst_price": plain(position.worst_price),
        "worst_at": format_timestamp(position.worst_at, digits),
        "ticks_seen": position.ticks_seen,
        "gap_seconds": plain(position.gap_seconds),
        "rolled": plain(position.rolled),
        "status": "open" if position.is_open else "closed",
    }


def _side(direction: int) -> str:
    return "LONG" if direction == LONG else "SHORT"


def _time(moment: int | None, digits: int) -> str | None:
    return None if moment is None else format_timestamp(moment, digits)


def _number(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
