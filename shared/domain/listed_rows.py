"""The rows of TradingView's exported "List of trades", in the notations of its years; no trades are made of them."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from shared.domain.numbers import parse_number, parse_whole, shown
from shared.domain.refusals import ValueRefused
from shared.domain.timestamps import from_datetime, parse_timestamp
from shared.domain.trades import LONG, SHORT

# What the columns were called, without the currency behind them: the first one there counts.
NAMES: Mapping[str, tuple[str, ...]] = {
    "number": ("trade number", "trade #"),
    "type": ("type",),
    "time": ("date and time", "date/time"),
    "signal": ("signal",),
    "price": ("price",),
    "quantity": ("size (qty)", "position size (qty)", "contracts", "quantity"),
    "pnl": ("net pnl", "net p&l", "p&l", "profit"),
    "run_up": ("favorable excursion", "run-up"),
    "drawdown": ("adverse excursion", "drawdown"),
}
NEEDED = ("number", "type", "time", "price", "quantity")
CURRENCY = re.compile(r" ([A-Z][A-Z0-9]{1,9}|[$€£¥])$")
SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
TYPE = re.compile(r"(entry|exit) (long|short)", re.IGNORECASE)
SIDES = {"long": LONG, "short": SHORT}
TIMES = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%b %d, %Y, %H:%M")
WITH_OFFSET = re.compile(r".*\d(?:Z|[+-]\d\d:?\d\d)")
DELIMITERS = (",", ";", "\t")
BLANKS = ("", "\N{EM DASH}", "\N{EN DASH}", "-", "N/A")
OPEN = "open"
MINUS = "\N{MINUS SIGN}"

Value = TypeVar("Value")
Cells = Mapping[str, str]


class ListRefused(ValueError):
    """The file is no list of trades; the message names the line and the column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRow:
    """The entry or the exit of a trade; of one that is still open the exit has neither price nor moment (ns, UTC)."""

    line: int
    number: int
    is_entry: bool
    direction: int
    quantity: Decimal
    price: Decimal | None
    moment: int | None
    pnl: Decimal | None
    run_up: Decimal | None
    drawdown: Decimal | None
    currency: str | None


def read_rows(content: bytes, zone: ZoneInfo) -> Iterator[ListedRow]:
    """Read an exported CSV file whose times are in the chart's zone; raises ListRefused."""
    text = _decoded(content)
    head, _, _ = text.partition("\n")
    delimiter = max(DELIMITERS, key=head.count)
    lines = csv.reader(text.splitlines(), delimiter=delimiter)
    header = [name.strip() for name in next(lines, [])]
    columns = _columns(header)
    currency = _currency(header[columns["pnl"]]) if "pnl" in columns else None
    for cells in lines:
        if any(cell.strip() for cell in cells):
            named = {name: cells[index].strip() if index < len(cells) else "" for name, index in columns.items()}
            reader = _Reader(line=lines.line_num, cells=named, zone=zone, decimal_comma=delimiter != ",")
            yield reader.row(currency)


def _decoded(content: bytes) -> str:
    if content.startswith(b"PK"):
        raise ListRefused("this is a spreadsheet: export the list of trades as CSV")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"byte {error.start + 1} is no text in UTF-8"
        raise ListRefused(message) from error


def _columns(header: Sequence[str]) -> dict[str, int]:
    """Find where each of our columns stands."""
    plain = [CURRENCY.sub("", name).lower() for name in header]
    found = {}
    for column, names in NAMES.items():
        known = next((name for name in names if name in plain), None)
        if known is not None:
            found[column] = plain.index(known)
    missing = [NAMES[column][0] for column in NEEDED if column not in found]
    if missing:
        message = f"line 1: there is no column {' and none '.join(repr(name) for name in missing)}, in English"
        raise ListRefused(message)
    return found


def _currency(name: str) -> str | None:
    """The currency behind the name of a column; None where it is not told."""
    found = CURRENCY.search(name)
    return None if found is None or found[1] == "NONE" else SIGNS.get(found[1], found[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Reads the cells of one line."""

    line: int
    cells: Cells
    zone: ZoneInfo
    decimal_comma: bool

    def row(self, currency: str | None) -> ListedRow:
        is_entry, direction = self._read("type", _kind)
        is_open = not is_entry and OPEN in (self.cells.get("signal", "").lower(), self.cells["time"].lower())
        return ListedRow(
            line=self.line,
            number=self._read("number", parse_whole),
            is_entry=is_entry,
            direction=direction,
            quantity=abs(self._read("quantity", self._needed_number)),
            price=None if is_open else self._read("price", self._needed_number),
            moment=None if is_open else self._read("time", self._moment),
            pnl=self._read("pnl", self._number),
            run_up=self._read("run_up", self._number),
            drawdown=self._read("drawdown", self._number),
            currency=currency,
        )

    def _read(self, column: str, parse: Callable[[str], Value]) -> Value:
        try:
            return parse(self.cells.get(column, ""))
        except ValueRefused as refusal:
            message = f"line {self.line}, {NAMES[column][0]}: {refusal}"
            raise ListRefused(message) from refusal

    def _needed_number(self, text: str) -> Decimal:
        number = self._number(text)
        if number is None:
            raise ValueRefused("is missing")
        return number

    def _number(self, text: str) -> Decimal | None:
        if text in BLANKS:
            return None
        plain = text.replace(MINUS, "-").replace("\N{NO-BREAK SPACE}", "").replace(" ", "")
        if self.decimal_comma:
            plain = plain.replace(".", "").replace(",", ".") if "," in plain else plain
        return parse_number(plain)

    def _moment(self, text: str) -> int:
        if WITH_OFFSET.fullmatch(text):
            return parse_timestamp(text)
        for form in TIMES:
            try:
                return from_datetime(datetime.strptime(text, form).replace(tzinfo=self.zone))
            except ValueError:
                continue
        raise ValueRefused(f"{shown(text)!r} is not a time")


def _kind(text: str) -> tuple[bool, int]:
    kind = TYPE.fullmatch(text)
    if kind is None:
        raise ValueRefused(f"{shown(text)!r} is not an entry or exit, long or short, in English")
    return kind[1].lower() == "entry", SIDES[kind[2].lower()]
