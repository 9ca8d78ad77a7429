"""Lists a page at a time, going on from a cursor, so that page 1000 costs what page 1 does."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Select, Text, cast, literal, tuple_
from sqlalchemy.exc import DataError

Item = TypeVar("Item")
Other = TypeVar("Other")


class PageRefused(ValueError):
    """No list has such a sort or such a cursor; the message names it."""


@dataclass(frozen=True, slots=True)
class SortColumn:
    """What a list can be sorted by; never NULL."""

    expression: ColumnElement[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """Some rows of a list, and the cursor that leads on to the next ones; None at the end."""

    items: Sequence[Item]
    next_cursor: str | None

    def map(self, convert: Callable[[Item], Other]) -> "Page[Other]":
        """Convert every row."""
        return Page(items=[convert(item) for item in self.items], next_cursor=self.next_cursor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The columns that a list can be sorted by, and the key that breaks ties."""

    columns: Mapping[str, SortColumn]
    key: ColumnElement[int]


def fetch_page(
    connection: Connection, query: Select[Any], order: Order, *, sort: str, cursor: str | None, limit: int
) -> Page[Row[Any]]:
    """Fetch one page of a query in the order of `sort`, `-` before it for descending; raises PageRefused."""
    descending, name = sort.startswith("-"), sort.removeprefix("-")
    if name not in order.columns:
        raise PageRefused(f"sort: {name!r} is not one of {', '.join(order.columns)}")
    column, key = order.columns[name].expression, order.key
    if cursor:
        after, after_id = _read_cursor(cursor)
        place = tuple_(cast(literal(after), column.type), cast(literal(after_id), BigInteger))
        query = query.where(tuple_(column, key) < place if descending else tuple_(column, key) > place)
    ordering = (column.desc(), key.desc()) if descending else (column, key)
    query = query.add_columns(cast(column, Text).label("_after"), key.label("_after_id"))
    try:
        rows = connection.execute(query.order_by(*ordering).limit(limit + 1)).all()
    except DataError as error:  # the cursor of another sort
        raise _not_a_cursor(cursor) from error
    return Page(items=rows[:limit], next_cursor=_write_cursor(rows[limit - 1]) if len(rows) > limit else None)


def _write_cursor(row: Row[Any]) -> str:
    text = json.dumps([row._after, row._after_id])  # noqa: SLF001 - our own labels
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[str, int]:
    try:
        after, after_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not str(after).isprintable():  # NUL and lone surrogates would not even reach the server
            raise _not_a_cursor(cursor)
        return str(after), int(after_id)
    except (ValueError, TypeError, binascii.Error) as error:
        raise _not_a_cursor(cursor) from error


def _not_a_cursor(cursor: str | None) -> PageRefused:
    return PageRefused(f"cursor: {cursor!r} is not one of this list; start again without it")
