"""What a recorder's entry filters have to know of its past; a function of its logs, wherever it was kept meanwhile."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from shared.domain.entry_filters import TAKE_EVERY
from shared.domain.timestamps import to_datetime
from shared.domain.trades import Trade
from shared.domain.trading_day import trading_day

ENTERED = "entered"


@dataclass(slots=True, kw_only=True)
class EntryHistory:
    """Entries and results up to a signal, by trading day; `held_back` are those that wait for their turn.

    Days that nobody will ask for may be missing.
    """

    last_entry_at: int | None = None
    held_back: int = 0
    entries: dict[date, int] = field(default_factory=dict)
    booked: dict[date, Decimal] = field(default_factory=dict)

    def count_entry(self, entry: str | None, occurred_at: int) -> None:
        """Count what became of the entry that a signal asked for: made, held back by a filter's name, or neither."""
        if entry == ENTERED:
            day = day_of(occurred_at)
            self.entries[day] = self.entries.get(day, 0) + 1
            self.last_entry_at = max(occurred_at, self.last_entry_at or 0)
            self.held_back = 0
        elif entry == TAKE_EVERY:
            self.held_back += 1

    def book(self, trades: Iterable[Trade]) -> None:
        """Add the results of closed trades to the days of their exits; call it within `exact()`."""
        for trade in trades:
            if trade.exited_at is not None and trade.pnl is not None:
                self.add_result(day_of(trade.exited_at), trade.pnl)

    def add_result(self, day: date, pnl: Decimal) -> None:
        """Add a result to a day; call it within `exact()`."""
        self.booked[day] = self.booked.get(day, Decimal(0)) + pnl


def day_of(occurred_at: int) -> date:
    """Name the trading day of a moment (ns, UTC)."""
    return trading_day(to_datetime(occurred_at))
