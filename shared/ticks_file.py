"""Reads a file of ticks row by row, without holding it in memory; it gives no row a place of its own."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from shared.domain.numbers import parse_number, parse_positive, shown
from shared.domain.places import place_from_stream_id
from shared.domain.timestamps import parse_timestamp_as_written
from shared.ticks_parquet import SUFFIX, ParquetUnavailable, ParquetUnreadable, parquet_lines

REQUIRED = ("time", "symbol", "price")
OPTIONAL = ("bid", "ask", "size", "id", "gap_seconds", "roll")

Value = TypeVar("Value")
# The same prices come again and again.
_parse_price = lru_cache(maxsize=4096)(parse_number)


class TicksFileError(Exception):
    """A file of ticks cannot be read on; the message names file, line and field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRow:
    """One row with a price (a tick) or without (a gap mark of `gap_seconds`, a mark of a `roll`), as the file has it.

    `occurred_at` is nanoseconds since the epoch, UTC, `time_digits` the decimals of its seconds as written;
    `place` stands in files that were exported from a tick log.
    """

    line: int
    symbol: str
    occurred_at: int
    time_digits: int
    price: Decimal | None
    bid: Decimal | None = None
    ask: Decimal | None = None
    size: Decimal | None = None
    place: int | None = None
    gap_seconds: Decimal | None = None
    roll: Decimal | None = None


def read_ticks_file(path: Path) -> Iterator[TickRow]:
    """Yield ticks and marks in the file's order, which must be that of their ids or else of their times.

    Rows with neither price nor mark (quotes) are left out. Raises TicksFileError.
    """
    try:
        yield from _rows(path, parquet_lines(path) if path.suffix == SUFFIX else _csv_lines(path))
    except OSError as error:
        message = f"{path}: {error.strerror or error}"
        raise TicksFileError(message) from error
    except (ParquetUnavailable, ParquetUnreadable) as error:
        message = f"{path}: {error}"
        raise TicksFileError(message) from error


class _Cells:
    """The cells of one row that are not empty, by column; each wrong one is refused by its name."""

    def __init__(self, path: Path, line: int, columns: Mapping[str, int], cells: Sequence[str]) -> None:
        self._path = path
        self._columns = columns
        self._cells = cells
        self.line = line

    def holds(self, name: str) -> bool:
        column = self._columns.get(name)
        return column is not None and bool(self._cells[column].strip())

    def read(self, name: str, parse: Callable[[str], Value]) -> Value:
        try:
            return parse(self._cells[self._columns[name]])
        except ValueError as error:
            raise self.wrong(name, str(error)) from error

    def read_if_held(self, name: str, parse: Callable[[str], Value]) -> Value | None:
        return self.read(name, parse) if self.holds(name) else None

    def wrong(self, name: str, reason: str) -> TicksFileError:
        return TicksFileError(f"{self._path}, line {self.line}, {name}: {reason}")


def _csv_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    # Bytes that are not UTF-8 survive the reading, so that the field they stand in can be named.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            for cells in reader:
                yield reader.line_num, cells
        except csv.Error as error:
            message = f"{path}, line {reader.line_num}: {error}"
            raise TicksFileError(message) from error


def _rows(path: Path, lines: Iterator[tuple[int, list[str]]]) -> Iterator[TickRow]:
    order = _Order()
    _, header = next(lines, (1, []))
    names = [name.strip().lower() for name in header]
    _check_header(path, names)
    columns = {name: index for index, name in enumerate(names)}
    for line, cells in lines:
        if len(cells) == len(columns):
            row = _Cells(path, line, columns, cells)
            if row.holds("price") or row.holds("gap_seconds") or row.holds("roll"):
                yield order.check(row, _tick_row(row, exported="id" in columns))
        elif cells:
            message = f"{path}, line {line}: {len(cells)} fields where the header has {len(columns)}"
            raise TicksFileError(message)


def _check_header(path: Path, columns: list[str]) -> None:
    for name in REQUIRED:
        if name not in columns:
            message = f"{path}, line 1, {name}: the header does not name this field"
            raise TicksFileError(message)
    for name in columns:
        if name not in REQUIRED + OPTIONAL or columns.count(name) > 1:
            message = f"{path}, line 1, {shown(name)}: the header may name {', '.join(REQUIRED + OPTIONAL)}, each once"
            raise TicksFileError(message)


def _tick_row(cells: _Cells, *, exported: bool) -> TickRow:
    occurred_at, time_digits = cells.read("time", parse_timestamp_as_written)
    has_price, has_gap = cells.holds("price"), cells.holds("gap_seconds")
    return TickRow(
        line=cells.line,
        symbol=cells.read("symbol", _parse_symbol),
        occurred_at=occurred_at,
        time_digits=time_digits,
        price=cells.read("price", _parse_price) if has_price else None,
        bid=cells.read_if_held("bid", _parse_price),
        ask=cells.read_if_held("ask", _parse_price),
        size=cells.read_if_held("size", _parse_price),
        place=cells.read("id", place_from_stream_id) if exported else None,
        gap_seconds=cells.read("gap_seconds", parse_positive) if has_gap and not has_price else None,
        roll=None if has_price or has_gap else cells.read("roll", parse_number),
    )


@lru_cache(maxsize=256)
def _parse_symbol(text: str) -> str:
    symbol = text.strip().upper()
    if not symbol or not symbol.isascii() or not symbol.isprintable() or " " in symbol:
        message = f"{shown(text)!r} is not a symbol"
        raise ValueError(message)
    return symbol


class _Order:
    """The end of what was read so far, which the next row must not lie before."""

    def __init__(self) -> None:
        self._time = 0
        self._place = -1

    def check(self, cells: _Cells, row: TickRow) -> TickRow:
        if row.place is None and row.occurred_at < self._time:
            raise cells.wrong("time", "earlier than the row before; the file must be in the order of its times")
        if row.place is not None and row.place <= self._place:
            raise cells.wrong("id", "not after the row before; the file must be in the order of its ids")
        self._time = row.occurred_at
        self._place = row.place if row.place is not None else self._place
        return row
