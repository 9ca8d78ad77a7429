"""How a position reads and writes as a row of recorder_positions; no queries."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import RowMapping

from shared.domain.contracts import Contract
from shared.domain.exits import ExitPlan
from shared.domain.position import Position, Stretch
from shared.domain.timestamps import from_datetime, to_datetime
from shared.domain.trades import LONG, SHORT, Lot

Json = dict[str, Any]
# msgspec learns a dataclass when it first reads one, and crashes if two threads do so at once: here it is one.
_LEARNED = [msgspec.json.Decoder(kind) for kind in (ExitPlan, tuple[Lot, ...])]


def side_of(direction: int) -> str:
    """Write a direction as the tables do."""
    return "LONG" if direction == LONG else "SHORT"


def direction_of(side: str) -> int:
    """Read a direction as the tables have it."""
    return LONG if side == "LONG" else SHORT


def position_values(position: Position) -> Json:
    """Return the columns of a position, all but its keys and version; call it within `exact()`."""
    stretch = position.stretch
    return {
        "ticker": position.symbol,
        "side": side_of(position.direction),
        "total_quantity": position.quantity,
        "max_quantity": position.max_quantity,
        "avg_entry_price": position.avg_entry_price,
        "entries": msgspec.to_builtins(position.lots),
        "exit_plan": msgspec.to_builtins(position.plan),
        "totals": {
            "entered_quantity": position.entered_quantity,
            "entered_value": str(position.entered_value),
            "exited_value": str(position.exited_value),
            "lots_entered": position.lots_entered,
            "leg": stretch.number,
            "leg_started_at": stretch.started_at,
        },
        "current_price": position.last_price,
        "unrealized_pnl": position.unrealized_pnl,
        "worst_unrealized_pnl": position.worst_pnl,
        "best_unrealized_pnl": position.best_pnl,
        "worst_price": position.worst_price,
        "worst_at": to_datetime(position.worst_at),
        "best_at": to_datetime(position.best_at),
        "lowest_since_fill": stretch.lowest,
        "lowest_since_fill_at": to_datetime(stretch.lowest_at),
        "highest_since_fill": stretch.highest,
        "highest_since_fill_at": to_datetime(stretch.highest_at),
        "best_since_entry": position.best_tick,
        "exit_price": position.exit_price,
        "realized_pnl": position.realized_pnl,
        "ticks_seen": position.ticks_seen,
        "gap_seconds": position.gap_seconds,
        "rolled": position.rolled,
        "status": "open" if position.is_open else "closed",
        "opened_at": to_datetime(position.opened_at),
        "closed_at": None if position.closed_at is None else to_datetime(position.closed_at),
        "place": position.place,
    }


def exit_plan_from_json(value: object) -> ExitPlan:
    """Read an exit plan as its column has it."""
    return msgspec.convert(value, ExitPlan)


def position_from_row(row: RowMapping, contract: Contract) -> Position:
    """Read a position back, without the trades and legs that ended before."""
    totals, ticker = row["totals"], str(row["ticker"])
    return Position(
        symbol=ticker,
        direction=direction_of(row["side"]),
        contract=contract,
        plan=exit_plan_from_json(row["exit_plan"]),
        lots=msgspec.convert(row["entries"], tuple[Lot, ...]),
        stretch=_stretch(row),
        worst_pnl=row["worst_unrealized_pnl"],
        worst_price=row["worst_price"],
        worst_at=from_datetime(row["worst_at"]),
        best_pnl=row["best_unrealized_pnl"],
        best_at=from_datetime(row["best_at"]),
        realized_pnl=row["realized_pnl"],
        entered_quantity=totals["entered_quantity"],
        entered_value=Decimal(totals["entered_value"]),
        exited_value=Decimal(totals["exited_value"]),
        lots_entered=totals["lots_entered"],
        max_quantity=row["max_quantity"],
        opened_at=from_datetime(row["opened_at"]),
        closed_at=_ns(row["closed_at"]),
        place=row["place"],
        last_price=row["current_price"],
        best_tick=row["best_since_entry"],
        ticks_seen=row["ticks_seen"],
        gap_seconds=row["gap_seconds"],
        rolled=row["rolled"],
    )


def _stretch(row: RowMapping) -> Stretch:
    return Stretch(
        number=row["totals"]["leg"],
        started_at=row["totals"]["leg_started_at"],
        lowest=row["lowest_since_fill"],
        lowest_at=from_datetime(row["lowest_since_fill_at"]),
        highest=row["highest_since_fill"],
        highest_at=from_datetime(row["highest_since_fill_at"]),
    )


def _ns(moment: datetime | None) -> int | None:
    return None if moment is None else from_datetime(moment)
