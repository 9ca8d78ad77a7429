"""A comparison with TradingView's list of trades as `recorder compare` prints it; nothing is computed here."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from shared.domain.listed_trades import ListedTrade
from shared.domain.numbers import plain
from shared.domain.timestamps import format_timestamp
from shared.domain.trade_comparison import MatchedTrade, RecordedTrade, TradeComparison
from shared.domain.trades import LONG

COLUMNS = ("", "TradingView", "recorded", "side", "entered", "entry", "exit", "profit", "run-up", "drawdown", "differs")
NOTHING = "-"


def describe_comparison(comparison: TradeComparison) -> dict[str, Any]:
    """Describe it as JSON values: numbers as text, times in UTC; differences are recorded less listed."""
    return {
        "agrees": comparison.agrees,
        "matched": [_matched(each) for each in comparison.matched],
        "missing": [_listed(each) for each in comparison.missing],
        "extra": [_recorded(each) for each in comparison.extra],
        "listed_outside": comparison.listed_outside,
        "recorded_outside": comparison.recorded_outside,
    }


def comparison_lines(comparison: TradeComparison) -> Iterator[str]:
    """Lay it out as a table, both sides of a value as `TradingView's / recorded`, and a line of counts."""
    rows = [
        *(_matched_row(each) for each in comparison.matched),
        *(_row("missing", each.number, NOTHING, each) for each in comparison.missing),
        *(_row("extra", NOTHING, each.id, each) for each in comparison.extra),
    ]
    if rows:
        yield from _table([COLUMNS, *sorted(rows, key=lambda row: row[4])])
    differing = sum(not each.agrees for each in comparison.matched)
    yield (
        f"{len(comparison.matched)} matched ({differing} differ), {len(comparison.missing)} missing,"
        f" {len(comparison.extra)} extra; not compared because of their time:"
        f" {comparison.listed_outside} of TradingView's, {comparison.recorded_outside} recorded"
    )


def _matched(matched: MatchedTrade) -> dict[str, Any]:
    return {
        "agrees": matched.agrees,
        "listed": _listed(matched.listed),
        "recorded": _recorded(matched.recorded),
        "differences": [
            {"field": each.field, "amount": plain(each.amount), "matters": each.matters}
            for each in matched.differences
            if each.amount
        ],
    }


def _listed(trade: ListedTrade) -> dict[str, Any]:
    return {"number": trade.number, **_both(trade)}


def _recorded(trade: RecordedTrade) -> dict[str, Any]:
    return {"id": trade.id, "symbol": trade.symbol, **_both(trade), "incomplete": trade.incomplete}


def _both(trade: ListedTrade | RecordedTrade) -> dict[str, Any]:
    return {
        "side": _side(trade),
        "quantity": plain(Decimal(trade.quantity)),
        "entry_time": format_timestamp(trade.entered_at, 6),
        "entry_price": plain(trade.entry_price),
        "exit_time": None if trade.exited_at is None else format_timestamp(trade.exited_at, 6),
        "exit_price": _number(trade.exit_price),
        "pnl": _number(trade.pnl),
        "run_up": _number(trade.run_up),
        "drawdown": _number(trade.drawdown),
        "currency": trade.currency,
    }


def _matched_row(matched: MatchedTrade) -> Sequence[str]:
    listed, recorded = matched.listed, matched.recorded
    differing = ", ".join(each.field for each in matched.differences if each.matters)
    words, number, trade_id, side, entered, *_ = _row("matched", listed.number, recorded.id, recorded)
    names = ("entry_price", "exit_price", "pnl", "run_up", "drawdown")
    values = (_pair(_number(getattr(listed, name)), _number(getattr(recorded, name))) for name in names)
    return words, number, trade_id, side, entered, *values, differing


def _row(words: str, number: int | str, trade_id: int | str, trade: ListedTrade | RecordedTrade) -> Sequence[str]:
    values = (trade.entry_price, trade.exit_price, trade.pnl, trade.run_up, trade.drawdown)
    held = f"{_side(trade)} {plain(Decimal(trade.quantity))}"
    entered = format_timestamp(trade.entered_at, 0)
    return words, str(number), str(trade_id), held, entered, *(_number(value) or NOTHING for value in values), ""


def _pair(listed: str | None, recorded: str | None) -> str:
    return listed or NOTHING if listed == recorded else f"{listed or NOTHING} / {recorded or NOTHING}"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _side(trade: ListedTrade | RecordedTrade) -> str:
    return "LONG" if trade.direction == LONG else "SHORT"


def _number(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
