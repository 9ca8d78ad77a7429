"""Open and closed positions as pages and the live stream show them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from services.web.feed_state import NO_TICK, describe_age
from services.web.formatting import NO_VALUE, Cell, drawdown_cell, format_price, format_result, result_cell
from services.web.standing import Seen, seen_at_head, stand
from shared.domain.ticks import PriceTick

AGE_UNKNOWN = "age of the last tick unknown"  # its price is in the row, but the tick log has forgotten it or is away


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


def view_position(row: Any, seen: Seen, now_ns: int) -> PositionView:
    """Show a position as of the last tick."""
    now = stand(row, seen)
    return PositionView(
        row=row,
        pnl=result_cell(now.unrealized, row.currency, NO_TICK if now.price is None else ""),
        drawdown=drawdown_cell(now.worst, row.currency, ticks_seen=now.ticks_seen, gap_seconds=row.gap_seconds),
        runup=Cell(text=format_result(now.best, row.currency)),
        last=Cell(text=NO_VALUE if now.price is None else format_price(now.price, row.tick_size)),
        age=AGE_UNKNOWN if seen.last is None and now.price is not None else describe_age(seen.last, now_ns),
    )


def view_positions(rows: Iterable[Any], heads: Mapping[str, PriceTick], now_ns: int) -> list[PositionView]:
    """Show positions as of the last tick of each symbol."""
    return [view_position(row, seen_at_head(row, heads.get(row.ticker)), now_ns) for row in rows]
