"""Open and closed positions as pages and the live stream show them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from services.web.feed_state import describe_age
from services.web.formatting import NO_VALUE, Cell, drawdown_cell, format_price, format_result, result_cell
from shared.domain.ticks import PriceTick
from shared.store.results import unrealized_at


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionView:
    """A row of the table of open positions: what it is, and its cells."""

    row: Any
    pnl: Cell
    drawdown: Cell
    runup: Cell
    last: Cell
    age: str

    def __getattr__(self, name: str) -> Any:
        """Everything that the row of the database has."""
        return getattr(self.row, name)

    def cells(self) -> dict[str, Cell]:
        """The cells that change with ticks, by the names that they have on a page."""
        cells = {"pnl": self.pnl, "drawdown": self.drawdown, "runup": self.runup, "last": self.last}
        cells["drawdown.reason"] = Cell(text=self.drawdown.reason)
        cells["age"] = Cell(text=self.age)
        return {f"p{self.row.id}.{name}": value for name, value in cells.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a symbol beyond a position's row: its last tick, and the extremes of what the row lacks."""

    last: PriceTick | None = None
    lowest: Decimal | None = None
    highest: Decimal | None = None
    count: int = 0


def view_position(row: Any, seen: Seen, now_ns: int) -> PositionView:
    """Show a position as of the last tick."""
    results = [unrealized_at(row, price) for price in (seen.lowest, seen.highest) if price is not None]
    price = row.current_price if seen.last is None else seen.last.price
    return PositionView(
        row=row,
        pnl=_unrealized(row, price),
        drawdown=drawdown_cell(
            min(row.worst_unrealized_pnl, *results, 0),
            row.currency,
            ticks_seen=row.ticks_seen + seen.count,
            gap_seconds=row.gap_seconds,
        ),
        runup=Cell(text=format_result(max(row.best_unrealized_pnl, *results, 0), row.currency)),
        last=Cell(text=NO_VALUE if price is None else format_price(price, row.tick_size)),
        age=describe_age(seen.last, now_ns),
    )


def view_positions(rows: Iterable[Any], heads: Mapping[str, PriceTick], now_ns: int) -> list[PositionView]:
    """Show positions as of the last tick of each symbol."""
    return [view_position(row, _seen_at_head(row, heads.get(row.ticker)), now_ns) for row in rows]


def _seen_at_head(row: Any, head: PriceTick | None) -> Seen:
    if head is None or head.place <= row.place:
        return Seen(last=head)
    return Seen(last=head, lowest=head.price, highest=head.price, count=1)


def _unrealized(row: Any, price: Decimal | None) -> Cell:
    if price is None:
        return result_cell(None, reason="no tick yet")
    return result_cell(unrealized_at(row, price), row.currency)
