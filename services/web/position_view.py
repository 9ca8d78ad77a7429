"""Open and closed positions as pages and the live stream show them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from services.web.exit_words import closes_words
from services.web.feed_state import NO_TICK, describe_age
from services.web.formatting import (
    NO_VALUE,
    Cell,
    drawdown_cell,
    format_price,
    format_result,
    result_cell,
)
from services.web.standing import Seen, seen_at_head, stand
from services.web.standing_exits import StandingExits, standing_exits
from services.web.trade_view import REASONS
from shared.domain.exits import TargetLeg
from shared.domain.ticks import PriceTick
from shared.domain.trades import ExitReason

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
    stop: Cell
    target: Cell
    targets: Cell

    def __getattr__(self, name: str) -> Any:
        """Everything that the row of the database has."""
        return getattr(self.row, name)

    def cells(self) -> dict[str, Cell]:
        """The cells that change with ticks, by the names that they have on a page."""
        cells = {"pnl": self.pnl, "drawdown": self.drawdown, "runup": self.runup, "last": self.last}
        cells["drawdown.reason"] = Cell(text=self.drawdown.reason)
        cells["age"] = Cell(text=self.age)
        cells |= {"stop": self.stop, "stop.reason": Cell(text=self.stop.reason)}
        cells |= {"target": self.target, "target.reason": Cell(text=self.target.reason), "targets": self.targets}
        return {f"p{self.row.id}.{name}": value for name, value in cells.items()}


def view_position(row: Any, seen: Seen, exits: StandingExits, now_ns: int) -> PositionView:
    """Show a position as of the last tick."""
    now = stand(row, seen)
    targets = [_target_words(leg, row, alone=len(exits.targets) == 1) for leg in exits.targets]
    return PositionView(
        row=row,
        pnl=result_cell(now.unrealized, row.currency, NO_TICK if now.price is None else ""),
        drawdown=drawdown_cell(now.worst, row.currency, ticks_seen=now.ticks_seen, gap_seconds=row.gap_seconds),
        runup=Cell(text=format_result(now.best, row.currency)),
        last=Cell(text=NO_VALUE if now.price is None else format_price(now.price, row.tick_size)),
        age=AGE_UNKNOWN if seen.last is None and now.price is not None else describe_age(seen.last, now_ns),
        stop=_stop_cell(row, exits.stop_price, exits.stop_reason),
        target=_nearest_cell(targets),
        targets=Cell(text=", ".join(targets) or NO_VALUE),
    )


def view_positions(rows: Iterable[Any], heads: Mapping[str, PriceTick], now_ns: int) -> list[PositionView]:
    """Show positions as of the last tick of each symbol."""
    seen = ((row, seen_at_head(row, heads.get(row.ticker))) for row in rows)
    return [view_position(row, known, standing_exits(row, known), now_ns) for row, known in seen]


def _stop_cell(row: Any, price: Decimal | None, reason: ExitReason | None) -> Cell:
    if price is None or reason is None:
        return Cell(text=NO_VALUE)
    return Cell(text=format_price(price, row.tick_size), reason=REASONS[reason])


def _nearest_cell(targets: Sequence[str]) -> Cell:
    if not targets:
        return Cell(text=NO_VALUE)
    further = len(targets) - 1
    return Cell(text=targets[0], reason=f"{further} more" if further else "")


def _target_words(leg: TargetLeg, row: Any, *, alone: bool) -> str:
    return f"{format_price(leg.level.price, row.tick_size)} for {closes_words(leg.quantity, alone=alone)}"
