"""Trades as TradingView lists them, put together from the two rows of each; what was recorded is not known here."""

from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from shared.domain.listed_rows import ListedRow, ListRefused, read_rows

__all__ = ["ListRefused", "ListedTrade", "read_listed_trades"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTrade:
    """A trade with its times in ns UTC, run-up and drawdown without sign; one that is still open has no exit.

    `currency` is None where the file does not tell.
    """

    number: int
    direction: int
    quantity: Decimal
    entry_price: Decimal
    entered_at: int
    exit_price: Decimal | None = None
    exited_at: int | None = None
    pnl: Decimal | None = None
    run_up: Decimal | None = None
    drawdown: Decimal | None = None
    currency: str | None = None


def read_listed_trades(content: bytes, zone: ZoneInfo) -> list[ListedTrade]:
    """Read an exported CSV file whose times are in the chart's zone, in order of entry; raises ListRefused."""
    entries: dict[int, ListedRow] = {}
    exits: dict[int, ListedRow] = {}
    for row in read_rows(content, zone):
        halves = entries if row.is_entry else exits
        if row.number in halves:
            raise _refused(row, f"a second {'entry' if row.is_entry else 'exit'}")
        halves[row.number] = row
    for number, row in exits.items():
        if number not in entries or entries[number].direction != row.direction:
            raise _refused(row, "an exit without an entry of its side")
    trades = [_trade(entry, exits.get(number)) for number, entry in entries.items()]
    return sorted(trades, key=lambda trade: (trade.entered_at, trade.number))


def _refused(row: ListedRow, what: str) -> ListRefused:
    return ListRefused(f"line {row.line}: trade {row.number} has {what}")


def _trade(entry: ListedRow, leaving: ListedRow | None) -> ListedTrade:
    if entry.price is None or entry.moment is None:
        raise _refused(entry, "an entry without price or time")
    if leaving is None or leaving.moment is None:
        return ListedTrade(
            number=entry.number,
            direction=entry.direction,
            quantity=entry.quantity,
            entry_price=entry.price,
            entered_at=entry.moment,
        )
    return ListedTrade(
        number=entry.number,
        direction=entry.direction,
        quantity=leaving.quantity,
        entry_price=entry.price,
        entered_at=entry.moment,
        exit_price=leaving.price,
        exited_at=leaving.moment,
        pnl=leaving.pnl,
        run_up=_without_sign(leaving.run_up),
        drawdown=_without_sign(leaving.drawdown),
        currency=leaving.currency,
    )


def _without_sign(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else abs(amount)
