"""The query string of a list: filters, sort, cursor and limit; a wrong or unknown parameter is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from flask import abort, request

MOST_ROWS = 200
ROWS = 50
LARGEST_ID = 2**63 - 1
PAGING = ("sort", "cursor", "limit")

Filter = TypeVar("Filter")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery(Generic[Filter]):
    """What a list was asked for."""

    wanted: Filter
    sort: str
    cursor: str | None
    limit: int

    @property
    def paging(self) -> Mapping[str, Any]:
        """Order and place, as the store's lists take them."""
        return {"sort": self.sort, "cursor": self.cursor, "limit": self.limit}


def read_list_query(filter_type: type[Filter], default_sort: str) -> ListQuery[Filter]:
    """Read the query; the fields of `filter_type` are the filters there are, those named *_id whole numbers."""
    names = [each.name for each in fields(filter_type)]  # type: ignore[arg-type] # a dataclass
    refuse_unknown(*names, *PAGING)
    values = {name: read_id(name) if name.endswith("_id") else _text(name) for name in names}
    return ListQuery(
        wanted=filter_type(**values),
        sort=_text("sort") or default_sort,
        cursor=_text("cursor"),
        limit=_limit(),
    )


def refuse_unknown(*known: str) -> None:
    """Answer 400 to a parameter that nothing reads: a misspelt filter must not list everything."""
    for name in request.args:
        if name not in known:
            abort(400, f"{name}: is not one of {', '.join(known)}")


def read_id(name: str) -> int | None:
    """Read an id."""
    text = _text(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and int(text) <= LARGEST_ID):
        abort(400, f"{name}: {text!r} is not an id")
    return int(text)


def _text(name: str) -> str | None:
    text = request.args.get(name, "").strip()
    if not text.isprintable():
        abort(400, f"{name}: {text!r} is not printable")
    return text or None


def _limit() -> int:
    text = _text("limit") or str(ROWS)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_ROWS):
        abort(400, f"limit: {text!r} is not a whole number from 1 to {MOST_ROWS}")
    return int(text)
