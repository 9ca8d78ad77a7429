"""What recomputing a record reads, for an audit all as it stood at one moment; it writes nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select, text, true

from shared.store.signals import LoggedSignal
from shared.store.tables import position_legs, recorded_signals, recorded_trades, recorder_positions, recorders, users

Row = Mapping[str, Any]

_NO_TIMEOUT = "SET LOCAL idle_in_transaction_session_timeout = 0"  # the fold may take long between two questions
_ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedRecorder:
    """A recorder whose record is to be checked, how many signals it says to have taken, and how many it has."""

    id: int
    name: str
    user_name: str
    signal_count: int
    signals: int
    last_sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A position and the signal that opened it; its number and place are None where none is found."""

    position_id: int
    recorder_id: int
    ticker: str
    through: int
    signal_id: int | None
    sequence: int | None
    place: int | None
    market_price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPosition:
    """A position's row with those of its trades and legs."""

    row: Row
    trades: Sequence[Row]
    legs: Sequence[Row]


def begin_snapshot(connection: Connection) -> None:
    """Have everything that is read in this transaction stand as it did at its first question; nothing came before."""
    connection.execute(text(_ONE_MOMENT))
    connection.execute(text(_NO_TIMEOUT))


def recorders_to_audit(connection: Connection, name: str | None, user_name: str | None) -> list[AuditedRecorder]:
    """List the recorders of this name and user, of all where None is given."""
    columns, taken = recorders.c, _taken().lateral()
    statement = (
        select(columns.id, columns.name, users.c.name.label("user_name"), columns.signal_count, taken)
        .join(users, users.c.id == columns.user_id)
        .join(taken, true())
        .order_by(columns.id)
    )
    if name is not None:
        statement = statement.where(columns.name == name)
    if user_name is not None:
        statement = statement.where(users.c.name == user_name)
    return [AuditedRecorder(**row) for row in connection.execute(statement).mappings()]


def _taken() -> Select[Any]:
    number = recorded_signals.c.sequence
    counted = func.count(number).label("signals"), func.coalesce(func.max(number), 0).label("last_sequence")
    return select(*counted).where(recorded_signals.c.recorder_id == recorders.c.id)


def load_openings(connection: Connection, recorder_ids: Collection[int]) -> dict[int, list[Opening]]:
    """Find how each position of some recorders was opened, by recorder, in the order of opening."""
    openings: dict[int, list[Opening]] = defaultdict(list)
    for row in connection.execute(_OPENINGS, {"recorder_ids": sorted(recorder_ids)}).mappings():
        openings[row["recorder_id"]].append(Opening(**row))
    return openings


def load_recorded(connection: Connection, position_ids: Collection[int]) -> dict[int, RecordedPosition]:
    """Load positions with their trades and legs, by id."""
    ids = sorted(position_ids)
    p, t, leg = recorder_positions.c, recorded_trades.c, position_legs.c
    rows = connection.execute(select(recorder_positions).where(p.id == func.any(ids))).mappings().all()
    trades = connection.execute(select(recorded_trades).where(t.position_id == func.any(ids)).order_by(t.id))
    legs = connection.execute(select(position_legs).where(leg.position_id == func.any(ids)).order_by(leg.number))
    by_position = _grouped(trades.mappings().all()), _grouped(legs.mappings().all())
    return {
        row["id"]: RecordedPosition(row=dict(row), trades=by_position[0][row["id"]], legs=by_position[1][row["id"]])
        for row in rows
    }


def load_applied(connection: Connection, first: Mapping[int, int]) -> dict[int, list[LoggedSignal]]:
    """Return the applied signals of recorders, each from the number on that is given for it, in their order."""
    columns = recorded_signals.c
    found: dict[int, list[LoggedSignal]] = {}
    for recorder_id, sequence in first.items():
        statement = (
            select(*[columns[name] for name in LoggedSignal.__slots__])
            .where(columns.recorder_id == recorder_id, columns.sequence >= sequence, columns.status != "accepted")
            .order_by(columns.sequence)
        )
        found[recorder_id] = [LoggedSignal(**row) for row in connection.execute(statement).mappings()]
    return found


def load_booked(
    connection: Connection, recorder_ids: Collection[int], since: datetime
) -> dict[int, list[tuple[datetime, Decimal]]]:
    """Return when some recorders' trades closed since a moment, and with what result, by position."""
    columns = recorded_trades.c
    statement = select(columns.position_id, columns.exit_time, columns.pnl).where(
        columns.recorder_id == func.any(sorted(recorder_ids)), columns.exit_time >= since
    )
    booked: dict[int, list[tuple[datetime, Decimal]]] = defaultdict(list)
    for row in connection.execute(statement):
        booked[row.position_id].append((row.exit_time, row.pnl))
    return booked


def _grouped(rows: Iterable[RowMapping]) -> dict[int, list[Row]]:
    grouped: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["position_id"]].append(dict(row))
    return grouped


# Voided positions are no longer part of what the logs lead to.
_OPENINGS = text(
    """
    SELECT position.id AS position_id, position.recorder_id, position.ticker, position.place AS through,
           signal.id AS signal_id, signal.sequence, signal.place, signal.market_price
    FROM recorder_positions position
    LEFT JOIN recorded_signals signal
        ON signal.recorder_id = position.recorder_id AND signal.sequence = position.opened_by
    WHERE position.recorder_id = ANY(:recorder_ids) AND position.status <> 'voided'
    ORDER BY position.opened_by NULLS FIRST, position.id
    """
)
