"""How a position reads and writes as a row of recorder_positions; no queries."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, RowMapping, Text, cast

from shared.domain.contracts import Contract
from shared.domain.exits import ExitPlan
from shared.domain.marking import Stretch
from shared.domain.position import Position
from shared.domain.timestamps import from_datetime, to_datetime
from shared.domain.trades import LONG, SHORT, Lot
from shared.store.tables import recorder_positions

Json = dict[str, Any]


class Totals(Struct, frozen=True, kw_only=True, gc=False):
    """What the column `totals` holds: sums over lots that may have ended, and the leg under way, by its number."""

    entered_quantity: int
    entered_value: Decimal
    exited_value: Decimal
    lots_entered: int
    leg: int
    leg_started_at: int


# msgspec learns a type when it first reads one, and crashes if two threads do so at once: here it is one.
_read_plan = msgspec.json.Decoder(ExitPlan).decode
_read_lots = msgspec.json.Decoder(tuple[Lot, ...]).decode
_read_totals = msgspec.json.Decoder(Totals).decode
JSON_COLUMNS = {"entries", "exit_plan", "totals"}
_READ = """
    id recorder_id contract_id version ticker side entries exit_plan totals max_quantity opened_at closed_at
    worst_unrealized_pnl worst_price worst_at best_unrealized_pnl best_at realized_pnl current_price best_since_entry
    lowest_since_fill lowest_since_fill_at highest_since_fill highest_since_fill_at ticks_seen gap_seconds rolled place
""".split()


def side_of(direction: int) -> str:
    """Write a direction as the tables do."""
    return "LONG" if direction == LONG else "SHORT"


def direction_of(side: str) -> int:
    """Read a direction as the tables have it."""
    return LONG if side == "LONG" else SHORT


def position_values(position: Position) -> Json:
    """Return the columns of a position, all but its keys and version, as msgspec writes them; call within `exact()`."""
    stretch = position.stretch
    return {
        "ticker": position.symbol,
        "side": side_of(position.direction),
        "total_quantity": position.quantity,
        "max_quantity": position.max_quantity,
        "avg_entry_price": position.avg_entry_price,
        "entries": position.lots,
        "exit_plan": position.plan,
        "totals": Totals(
            entered_quantity=position.entered_quantity,
            entered_value=position.entered_value,
            exited_value=position.exited_value,
            lots_entered=position.lots_entered,
            leg=stretch.number,
            leg_started_at=stretch.started_at,
        ),
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


def position_columns() -> list[ColumnElement[Any]]:
    """Return what to select for `position_from_row`: JSON as text, which msgspec reads faster than as objects."""
    columns = recorder_positions.c
    return [cast(columns[name], Text).label(name) if name in JSON_COLUMNS else columns[name] for name in _READ]


def exit_plan_from_json(value: object) -> ExitPlan:
    """Read an exit plan as its column has it."""
    return msgspec.convert(value, ExitPlan)


def position_from_row(row: RowMapping, contract: Contract) -> Position:
    """Read a position back, without the trades and legs that ended before."""
    totals = _read_totals(row["totals"])
    return Position(
        symbol=row["ticker"],
        direction=direction_of(row["side"]),
        contract=contract,
        plan=_read_plan(row["exit_plan"]),
        lots=_read_lots(row["entries"]),
        stretch=_stretch(row, totals),
        worst_pnl=row["worst_unrealized_pnl"],
        worst_price=row["worst_price"],
        worst_at=from_datetime(row["worst_at"]),
        best_pnl=row["best_unrealized_pnl"],
        best_at=from_datetime(row["best_at"]),
        realized_pnl=row["realized_pnl"],
        entered_quantity=totals.entered_quantity,
        entered_value=totals.entered_value,
        exited_value=totals.exited_value,
        lots_entered=totals.lots_entered,
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


def _stretch(row: RowMapping, totals: Totals) -> Stretch:
    return Stretch(
        number=totals.leg,
        started_at=totals.leg_started_at,
        lowest=row["lowest_since_fill"],
        lowest_at=from_datetime(row["lowest_since_fill_at"]),
        highest=row["highest_since_fill"],
        highest_at=from_datetime(row["highest_since_fill_at"]),
    )


def _ns(moment: datetime | None) -> int | None:
    return None if moment is None else from_datetime(moment)
