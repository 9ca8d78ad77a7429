"""Trades as pages show them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.web.formatting import Cell, drawdown_cell, format_result, result_cell
from shared.store.trade_list import TradeRow

REASONS = {
    "tp": "Take profit",
    "sl": "Stop loss",
    "trail": "Trailing stop",
    "break_even": "Break-even",
    "signal": "Signal",
    "reversal": "Reversal",
    "session_end": "Session end",
    "manual": "By hand",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeView:
    """A row of a table of trades: what it is, and its cells."""

    row: TradeRow
    pnl_cell: Cell
    drawdown_cell: Cell
    runup_cell: Cell
    reason_words: str

    def __getattr__(self, name: str) -> Any:
        """Everything that the row of the database has."""
        return getattr(self.row, name)


def view_trade(row: TradeRow) -> TradeView:
    """Show one trade."""
    unrealized = "not booked yet" if row.status == "open" else ""
    return TradeView(
        row=row,
        pnl_cell=result_cell(row.pnl, row.currency, unrealized or ("no tick yet" if row.pnl is None else "")),
        drawdown_cell=drawdown_cell(
            row.max_adverse, row.currency, ticks_seen=row.ticks_seen, gap_seconds=row.gap_seconds
        ),
        runup_cell=Cell(text=format_result(row.max_favorable, row.currency)),
        reason_words=REASONS.get(row.exit_reason or "", ""),
    )


def view_trades(rows: Iterable[TradeRow]) -> list[TradeView]:
    """Show trades in the order given."""
    return [view_trade(row) for row in rows]
