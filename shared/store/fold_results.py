"""What a fold leaves behind, written: positions, their trades and their legs; a few statements for many recorders."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import Connection

from shared.domain.contracts import Contract
from shared.domain.position import Position
from shared.domain.timestamps import to_datetime
from shared.domain.trades import Leg
from shared.domain.trading_day import trading_day
from shared.store.positions import (
    StoredPosition,
    insert_legs,
    insert_positions,
    moved_row,
    position_row,
    update_positions,
)
from shared.store.settling import unsettle_days
from shared.store.trades import trade_rows, write_trades


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldedPosition:
    """A position after a fold; `stored` is what it was loaded from, None if it was opened since.

    `opened_by` is then the number of the signal that opened it.
    """

    recorder_id: int
    position: Position
    stored: StoredPosition | None = None
    opened_by: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenPosition:
    """A position whose row was written."""

    id: int
    folded: FoldedPosition


def write_positions(
    connection: Connection, folded: Sequence[FoldedPosition], contract_ids: Mapping[Contract, int]
) -> list[WrittenPosition]:
    """Write the positions that a fold moved, with the trades and legs that began, changed or ended in it."""
    moved = [each for each in folded if each.stored]
    opened = [each for each in folded if not each.stored]
    update_positions(connection, [_moved_row(each.stored, each.position) for each in moved if each.stored])
    ids = insert_positions(connection, [_new_row(each, contract_ids) for each in opened])
    written = [WrittenPosition(id=each.stored.id, folded=each) for each in moved if each.stored]
    written += [WrittenPosition(id=new_id, folded=each) for new_id, each in zip(ids, opened, strict=True)]
    _write_trades(connection, written)
    legs = [leg_row(each.id, leg) for each in written for leg in each.folded.position.legs]
    insert_legs(connection, legs)
    unsettle_days(connection, _days_written(folded))
    return written


def _days_written(folded: Sequence[FoldedPosition]) -> dict[int, set[date]]:
    """Return the days, by recorder, to which a fold brought something that was not in them before."""
    days: dict[int, set[date]] = {}
    day_of = cache(lambda moment: trading_day(to_datetime(moment)))  # one tick stops out many
    for each in folded:
        moments = _moments_written(each.position, each.stored)
        days.setdefault(each.recorder_id, set()).update(map(day_of, moments))
    return days


def _moments_written(position: Position, stored: StoredPosition | None) -> Iterator[int]:
    """When trades closed and legs began; of the leg that was under way when the position was loaded, all was known."""
    known_leg = stored.position.stretch.number if stored else 0
    yield from (trade.exited_at for trade in position.trades if trade.exited_at is not None)
    yield from (leg.started_at for leg in position.legs if leg.number > known_leg)
    if position.closed_at is not None:
        yield position.closed_at
    elif position.stretch.number > known_leg:
        yield position.stretch.started_at


def _write_trades(connection: Connection, written: Sequence[WrittenPosition]) -> None:
    rows = [
        trade_rows(
            each.folded.position,
            recorder_id=each.folded.recorder_id,
            position_id=each.id,
            stored_lots={lot.number for lot in each.folded.stored.position.lots} if each.folded.stored else (),
        )
        for each in written
    ]
    inserts = [row for each in rows for row in each.inserts]
    updates = [row for each in rows for row in each.updates]
    write_trades(connection, inserts, updates)


def _moved_row(stored: StoredPosition, position: Position) -> dict[str, Any]:
    row = moved_row(position) | {"id": stored.id}
    return row | {"exit_plan": None} if position.plan is stored.position.plan else row


def _new_row(folded: FoldedPosition, contract_ids: Mapping[Contract, int]) -> dict[str, Any]:
    position = folded.position
    row = position_row(position, recorder_id=folded.recorder_id, contract_id=contract_ids[position.contract])
    return row | {"opened_by": folded.opened_by}


def leg_row(position_id: int, leg: Leg) -> dict[str, Any]:
    """Return the row of a leg that ended."""
    return {
        "position_id": position_id,
        "number": leg.number,
        "quantity": leg.quantity,
        "realized_before": leg.realized_before,
        "lowest_result": leg.lowest_result,
        "highest_result": leg.highest_result,
        "started_at": to_datetime(leg.started_at),
        "ended_at": to_datetime(leg.ended_at),
    }
