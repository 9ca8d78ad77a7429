"""The query string of a list: its filters, its order and where it goes on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ListView:
    """One page of a list as its template needs it."""

    endpoint: str
    filters: Mapping[str, str]
    sort: str
    cursor: str | None
    next_cursor: str | None
    rows: Sequence[Any]
    limit: int = PAGE_SIZE

    @property
    def filtered(self) -> bool:
        """Whether any filter is set."""
        return bool(self.filters)

    def chosen(self, name: str) -> str:
        """The value of a filter, empty if it is not set."""
        return self.filters.get(name, "")

    def url(self, **changes: str) -> str:
        """The address of this list with another order or page; a new order starts at its beginning."""
        arguments: dict[str, Any] = {**self.filters, "sort": self.sort, **changes}
        return url_for(self.endpoint, **arguments)


def given_filters(*names: str) -> dict[str, str]:
    """Read the filters that are set."""
    return {name: value for name in names if (value := request.args.get(name, "").strip())}


def given_id(filters: Mapping[str, str], name: str) -> int | None:
    """Read a filter by id; text that is none matches nothing."""
    text = filters.get(name)
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1  # noqa: PLR2004 - fits a bigint


def ticker_choices(tickers: Iterable[str], filters: Mapping[str, str]) -> list[tuple[str, str]]:
    """List symbols as the choices of a filter, among them the one that is chosen."""
    return [(ticker, ticker) for ticker in sorted({*tickers, *filter(None, [filters.get("symbol")])})]
