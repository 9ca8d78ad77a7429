"""A comparison with TradingView's list of trades, in words and cells for its page."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from services.web.formatting import (
    AT_LEAST,
    MINUS,
    NO_VALUE,
    decimals_of,
    format_duration,
    format_money,
    format_number,
    format_price,
    format_result,
)
from shared.domain.listed_trades import ListedTrade
from shared.domain.timestamps import to_datetime
from shared.domain.trade_comparison import MatchedTrade, RecordedTrade, TradeComparison
from shared.domain.trades import LONG

FIELDS = {
    "quantity": "size",
    "entry_time": "entry time",
    "entry_price": "entry price",
    "still_open": "open on one side only",
    "exit_time": "exit time",
    "exit_price": "exit price",
    "pnl": "profit",
    "run_up": "run-up",
    "drawdown": "drawdown",
}
DURATIONS = ("entry_time", "exit_time")
PLAIN = ("quantity", "entry_price", "exit_price")
MOST_ROWS = 500
AGREES = "matched"


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoValues:
    """TradingView's value and ours; one text where they are equal."""

    listed: str
    recorded: str

    @property
    def equal(self) -> bool:
        """Whether both read the same."""
        return self.listed == self.recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedTrade:
    """A row of the table: a trade on both sides, or on one."""

    kind: str
    words: str
    number: str
    trade_id: int | None
    side: str
    quantity: str
    entered_at: datetime
    entry: TwoValues
    exit: TwoValues
    pnl: TwoValues
    run_up: TwoValues
    drawdown: TwoValues
    differences: tuple[str, ...] = ()


def view_comparison(comparison: TradeComparison, *, most: int = MOST_ROWS) -> tuple[list[ComparedTrade], int]:
    """List the trades of both sides in order of entry, those that differ as such, and count those beyond `most`.

    Where there are more, those that agree go first, then the latest.
    """
    step = _price_step(comparison)
    rows: Iterable[ComparedTrade] = (
        *(_matched(each, step) for each in comparison.matched),
        *(_row("missing", "Missing", step, listed=each) for each in comparison.missing),
        *(_row("extra", "Extra", step, recorded=each) for each in comparison.extra),
    )
    shown = sorted(rows, key=lambda row: (row.kind == AGREES, row.entered_at))
    return sorted(shown[:most], key=lambda row: row.entered_at), max(len(shown) - most, 0)


def _price_step(comparison: TradeComparison) -> Decimal:
    """Find how finely prices are written, so that all get the same decimals."""
    recorded = (*(each.recorded for each in comparison.matched), *comparison.extra)
    trades: tuple[ListedTrade | RecordedTrade, ...] = (*recorded, *comparison.missing)
    prices = [price for trade in trades for price in (trade.entry_price, trade.exit_price) if price is not None]
    return Decimal(1).scaleb(-max(map(decimals_of, prices), default=0))


def _matched(matched: MatchedTrade, step: Decimal) -> ComparedTrade:
    kind, words = (AGREES, "Agrees") if matched.agrees else ("differs", "Differs")
    differences = tuple(
        f"{FIELDS[each.field]} {_amount(each.field, each.amount, matched.recorded.currency)}".strip()
        for each in matched.differences
        if each.matters
    )
    return _row(kind, words, step, listed=matched.listed, recorded=matched.recorded, differences=differences)


def _amount(field: str, amount: Decimal, currency: str) -> str:
    """Write a difference, recorded less listed, with its sign."""
    if field == "still_open":
        return ""
    sign = "+" if amount > 0 else MINUS
    if field in DURATIONS:
        return f"{sign}{format_duration(abs(amount))}"
    return f"{sign}{format_number(abs(amount))}" if field in PLAIN else format_result(amount, currency)


def _row(
    kind: str,
    words: str,
    step: Decimal,
    *,
    listed: ListedTrade | None = None,
    recorded: RecordedTrade | None = None,
    differences: tuple[str, ...] = (),
) -> ComparedTrade:
    trade = recorded or listed
    if trade is None:
        raise AssertionError(kind)
    return ComparedTrade(
        kind=kind,
        words=words,
        number="" if listed is None else str(listed.number),
        trade_id=None if recorded is None else recorded.id,
        side="Long" if trade.direction == LONG else "Short",
        quantity=format_number(trade.quantity),
        entered_at=to_datetime(trade.entered_at),
        entry=TwoValues(listed=_price(listed, "entry_price", step), recorded=_price(recorded, "entry_price", step)),
        exit=TwoValues(listed=_price(listed, "exit_price", step), recorded=_price(recorded, "exit_price", step)),
        pnl=TwoValues(listed=_result(listed, "pnl"), recorded=_result(recorded, "pnl")),
        run_up=TwoValues(listed=_result(listed, "run_up"), recorded=_result(recorded, "run_up")),
        drawdown=TwoValues(listed=_drawdown(listed), recorded=_drawdown(recorded)),
        differences=differences,
    )


def _price(trade: ListedTrade | RecordedTrade | None, name: str, step: Decimal) -> str:
    price = getattr(trade, name, None)
    return NO_VALUE if price is None else format_price(price, step)


def _result(trade: ListedTrade | RecordedTrade | None, name: str) -> str:
    amount = getattr(trade, name, None)
    return NO_VALUE if trade is None or amount is None else format_result(amount, trade.currency or "USD")


def _drawdown(trade: ListedTrade | RecordedTrade | None) -> str:
    if trade is None or trade.drawdown is None:
        return NO_VALUE
    text = format_money(trade.drawdown, trade.currency or "USD")
    return f"{AT_LEAST}{text}" if isinstance(trade, RecordedTrade) and trade.incomplete else text
