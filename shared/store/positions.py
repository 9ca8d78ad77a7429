"""Positions as rows: loaded under lock for the fold, written when they moved, their extremes flushed in batches."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, RowMapping, Text, Update, cast, func, select, text

from shared.domain.contracts import Contract
from shared.domain.money import exact
from shared.domain.position import Position
from shared.store.contracts import load_contracts
from shared.store.many_rows import insert_many, rows_given, rows_numbered, update_many
from shared.store.position_rows import position_columns, position_from_row, position_values
from shared.store.tables import position_legs, recorder_positions

_READ = position_columns()
_read_versions = msgspec.json.Decoder(dict[int, int]).decode


class StoredPosition(Struct, frozen=True, kw_only=True, gc=False):
    """An open position as it stands in the database."""

    id: int
    recorder_id: int
    version: int
    position: Position


def lock_open_positions(connection: Connection, recorder_ids: Collection[int]) -> list[StoredPosition]:
    """Load and lock the open positions of some recorders, whose own rows the caller has locked."""
    return lock_positions_in(connection, recorder_ids, (), whole=recorder_ids)


def lock_positions_in(
    connection: Connection, recorder_ids: Collection[int], symbols: Collection[str], *, whole: Collection[int]
) -> list[StoredPosition]:
    """Load and lock the open positions of some recorders in some symbols, of those that are `whole` in all of them."""
    columns = recorder_positions.c
    chosen = (columns.ticker == func.any(sorted(symbols))) | (columns.recorder_id == func.any(sorted(whole)))
    statement = (
        select(*_READ)
        .where(columns.recorder_id == func.any(sorted(recorder_ids)), columns.status == "open", chosen)
        .order_by(columns.id)
        .with_for_update(key_share=True)
    )
    return _stored(connection, connection.execute(statement).mappings().all())


def open_position_versions(connection: Connection, symbols: Collection[str]) -> dict[int, int]:
    """Return the version of every open position in some symbols, by id."""
    columns = recorder_positions.c
    open_in_them = columns.status == "open", columns.ticker == func.any(list(symbols))
    document = cast(func.json_object_agg(columns.id, columns.version), Text)  # rows by themselves take far longer
    versions = connection.execute(select(document).where(*open_in_them)).scalar_one()
    return _read_versions(versions) if versions else {}


def load_positions(connection: Connection, position_ids: Collection[int]) -> list[StoredPosition]:
    """Load those of some positions that are still open, without a lock."""
    columns = recorder_positions.c
    statement = select(*_READ).where(columns.id == func.any(list(position_ids)), columns.status == "open")
    return _stored(connection, connection.execute(statement).mappings().all())


def load_open_positions(connection: Connection, recorder_id: int) -> list[StoredPosition]:
    """Load what a recorder holds, without a lock."""
    columns = recorder_positions.c
    statement = select(*_READ).where(columns.recorder_id == recorder_id, columns.status == "open")
    return _stored(connection, connection.execute(statement.order_by(columns.id)).mappings().all())


def load_places(
    connection: Connection, recorder_ids: Collection[int], *, whole: Collection[int] = ()
) -> dict[tuple[int, str], int]:
    """Return how far what pending signals concern is decided: by recorder and symbol, the last signal's or position's.

    A close-all concerns every symbol that the recorder ever held, and so does any signal of those that are `whole`.
    """
    if not recorder_ids:
        return {}
    rows = connection.execute(_PLACES, {"recorder_ids": sorted(recorder_ids), "whole": sorted(whole)})
    return {(row.recorder_id, row.ticker): row.place for row in rows if row.place is not None}


def insert_positions(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert positions, as `position_row` makes them, and return their ids in the same order."""
    if not rows:
        return []
    statement = insert_many(recorder_positions, tuple(rows[0])).returning(recorder_positions.c.id)
    return sorted(connection.execute(statement, rows_numbered(rows)).scalars())


def update_positions(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write positions that moved over their rows, each a version further; a plan that is None stays as it is."""
    if rows:
        connection.execute(_moved(tuple(rows[0])), rows_given(rows))


@cache
def _moved(names: tuple[str, ...]) -> Update:
    columns = recorder_positions.c
    now = func.clock_timestamp()
    news = {"version": columns.version + 1, "changed_at": now, "updated_at": now}
    changing = [name for name in names if name not in {"id", "exit_plan"}]
    return update_many(recorder_positions, ["id"], changing, optional=["exit_plan"]).values(news)


def position_row(position: Position, *, recorder_id: int, contract_id: int) -> dict[str, Any]:
    """Return the row of a new position."""
    with exact():
        return position_values(position) | {"recorder_id": recorder_id, "contract_id": contract_id, "version": 1}


def moved_row(position: Position) -> dict[str, Any]:
    """Return the columns that a position's moves can change."""
    with exact():
        return position_values(position)


def insert_legs(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the legs that ended."""
    if rows:
        connection.execute(insert_many(position_legs, tuple(rows[0])), rows_numbered(rows))


def _stored(connection: Connection, rows: Sequence[RowMapping]) -> list[StoredPosition]:
    contracts: Mapping[int, Contract] = load_contracts(connection, {row["contract_id"] for row in rows}) if rows else {}
    return [
        StoredPosition(
            id=row["id"],
            recorder_id=row["recorder_id"],
            version=row["version"],
            position=position_from_row(row, contracts[row["contract_id"]]),
        )
        for row in rows
    ]


_PLACES = text(
    """
    WITH RECURSIVE pending AS (
        SELECT DISTINCT recorder_id, ticker FROM recorded_signals
        WHERE recorder_id = ANY(:recorder_ids) AND status = 'accepted'
    ),
    held AS (  -- each symbol by one look into the index, however many positions it had
        SELECT DISTINCT recorder_id, '' AS ticker FROM pending
        WHERE ticker IS NULL OR recorder_id = ANY(CAST(:whole AS bigint[]))
        UNION ALL
        SELECT held.recorder_id, next.ticker FROM held CROSS JOIN LATERAL (
            SELECT ticker FROM recorder_positions
            WHERE recorder_id = held.recorder_id AND ticker > held.ticker AND status <> 'voided'
            ORDER BY ticker LIMIT 1
        ) next
    ),
    concerned AS (
        SELECT recorder_id, ticker FROM pending WHERE ticker IS NOT NULL
        UNION
        SELECT recorder_id, ticker FROM held WHERE ticker <> ''
    )
    SELECT concerned.recorder_id, concerned.ticker, greatest(position.place, signal.place) AS place
    FROM concerned
    LEFT JOIN LATERAL (
        SELECT place FROM recorder_positions
        WHERE recorder_id = concerned.recorder_id AND ticker = concerned.ticker AND status <> 'voided'
        ORDER BY opened_by DESC NULLS LAST LIMIT 1
    ) position ON true
    LEFT JOIN LATERAL (
        SELECT place FROM recorded_signals
        WHERE recorder_id = concerned.recorder_id AND ticker = concerned.ticker
          AND status <> 'accepted' AND place IS NOT NULL
        ORDER BY id DESC LIMIT 1
    ) signal ON true
    """
)
