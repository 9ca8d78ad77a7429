"""Many rows written by one statement, out of one JSON document: values of their own take several times as long."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import (
    Insert,
    Integer,
    Table,
    TableValuedAlias,
    Text,
    Update,
    bindparam,
    cast,
    column,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSON

Row = Mapping[str, Any]

_GIVEN, _NUMBER = "given_rows", "given_number"


def update_many(table: Table, keys: Sequence[str], changing: Sequence[str], optional: Sequence[str] = ()) -> Update:
    """Write `changing` columns into the rows that have the same `keys`; its parameters are `rows_given`.

    Those that are `optional` stay as they are in rows that give None.
    """
    given = _given(table, (*keys, *changing, *optional))
    same_row = (table.c[name] == given.c[name] for name in keys)
    changed = {name: given.c[name] for name in changing}
    changed_or_kept = {name: func.coalesce(given.c[name], table.c[name]) for name in optional}
    return update(table).where(*same_row).values({**changed, **changed_or_kept})


@cache
def insert_many(table: Table, names: tuple[str, ...]) -> Insert:
    """Insert rows with these columns, in the order in which they are given; its parameters are `rows_numbered`."""
    given = _given(table, names)
    return insert(table).from_select(names, select(*(given.c[name] for name in names)).order_by(given.c[_NUMBER]))


def rows_given(rows: Sequence[Row | Struct]) -> dict[str, str]:
    """Write rows as the parameters of `update_many`, with values that msgspec writes as JSON and Postgres reads."""
    return {_GIVEN: msgspec.json.encode(rows).decode()}


def rows_numbered(rows: Iterable[Row]) -> dict[str, str]:
    """Write rows as the parameters of `insert_many`."""
    return rows_given([{**row, _NUMBER: number} for number, row in enumerate(rows)])


def _given(table: Table, names: Sequence[str]) -> TableValuedAlias:
    document = cast(bindparam(_GIVEN, type_=Text), JSON)
    columns = [column(name, table.c[name].type) for name in names]
    given = func.json_to_recordset(document).table_valued(*columns, column(_NUMBER, Integer), name="given")
    return given.render_derived(with_types=True)
