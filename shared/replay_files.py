"""Reads the three files of `recorder replay`: ticks, signals and settings; it computes nothing from them."""

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.domain.contracts import COLUMNS, Contract, parse_contract
from shared.domain.corrections import Correction
from shared.domain.places import SEQUENCE_BITS, place_from_stream_id
from shared.domain.refusals import ValueRefused
from shared.domain.symbols import UnknownSymbol, normalize_symbol
from shared.domain.ticks import GapMark, LogEntry, PriceTick, RollMark
from shared.domain.timestamps import parse_timestamp_as_written
from shared.replay import ReplaySignal
from shared.ticks_file import TickRow, read_ticks_file


class ReplayFileError(Exception):
    """A file cannot be replayed; the message names file, line and field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTicks:
    """A whole file of ticks; `times` and `places` are those of its rows, `time_digits` the decimals as written."""

    entries: Sequence[LogEntry]
    times: Sequence[int]
    places: Sequence[int]
    time_digits: int

    def place_at(self, time: int) -> int:
        """Return the place of the last row that is not later than a time; 0 before the first."""
        index = bisect_right(self.times, time)
        return self.places[index - 1] if index else 0


def read_ticks(path: Path, contracts: Mapping[str, Contract]) -> ReadTicks:
    """Read ticks with their symbols in normal form; raises TicksFileError."""
    entries: list[LogEntry] = []
    times: list[int] = []
    symbols: dict[str, str] = {}
    digits = 0
    for number, row in enumerate(read_ticks_file(path), start=1):
        if row.symbol not in symbols:
            symbols[row.symbol] = _normal(row.symbol, row.occurred_at, contracts)
        place = row.place if row.place is not None else number << SEQUENCE_BITS
        entries.append(_entry(row, symbols[row.symbol], place))
        times.append(row.occurred_at)
        digits = max(digits, row.time_digits)
    places = [entry.place for entry in entries]
    return ReadTicks(entries=entries, times=times, places=places, time_digits=digits)


def read_signals(path: Path, ticks: ReadTicks) -> tuple[list[ReplaySignal], int]:
    """Read signals with their places among the ticks, and the most decimals of their times; raises ReplayFileError."""
    signals: list[ReplaySignal] = []
    digits = last_time = 0
    for line, fields in _json_lines(path):
        time, time_digits = _time(path, line, fields)
        if "after" not in fields and time < last_time:
            raise _wrong(path, line, "time", "earlier than the line before; the file must be in the order of its times")
        place = _after(path, line, fields["after"]) if "after" in fields else ticks.place_at(time)
        digits, last_time = max(digits, time_digits), time
        recorder = fields.get("recorder")
        if not isinstance(recorder, str):
            raise _wrong(path, line, "recorder", "must be the name of a recorder")
        signals.append(
            ReplaySignal(
                line=line,
                recorder=recorder,
                occurred_at=time,
                place=place,
                body="" if "void" in fields else _body(path, line, fields),
                compared_as=_canonical(fields.get("body")),
                settings=_version(path, line, fields),
                contract=_contract(path, line, fields),
                is_manual=_flag(path, line, fields, "manual"),
                is_kept=_flag(path, line, fields, "kept"),
                correction=_correction(path, line, fields, signals),
            )
        )
    return signals, digits


def read_settings(path: Path) -> list[dict[str, Any]]:
    """Read the recorders of a settings file; raises ReplayFileError."""
    try:
        settings = json.loads(_text(path), parse_float=str)
    except ValueError as error:
        message = f"{path}: is not JSON: {error}"
        raise ReplayFileError(message) from error
    recorders = settings.get("recorders") if isinstance(settings, dict) else None
    if not isinstance(recorders, list) or not all(isinstance(recorder, dict) for recorder in recorders):
        message = f'{path}, recorders: must be {{"recorders": [{{"name": ..., ...}}]}}'
        raise ReplayFileError(message)
    return recorders


def _normal(symbol: str, occurred_at: int, contracts: Mapping[str, Contract]) -> str:
    try:
        return normalize_symbol(symbol, occurred_at=occurred_at, contracts=contracts).symbol
    except UnknownSymbol:  # nobody can hold it then
        return symbol


def _entry(row: TickRow, symbol: str, place: int) -> LogEntry:
    if row.price is not None:
        return PriceTick(symbol=symbol, place=place, occurred_at=row.occurred_at, price=row.price)
    if row.gap_seconds is not None:
        return GapMark(symbol=symbol, place=place, occurred_at=row.occurred_at, gap_seconds=row.gap_seconds)
    if row.roll is None:
        raise AssertionError(row)
    return RollMark(symbol=symbol, place=place, occurred_at=row.occurred_at, difference=row.roll)


def _json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in enumerate(_text(path).splitlines(), start=1):
        if not text.strip():
            continue
        try:
            fields = json.loads(text, parse_float=_Literal, parse_int=_Literal)
        except (ValueError, RecursionError) as error:
            message = f"{path}, line {line}: is not JSON: {error}"
            raise ReplayFileError(message) from error
        if not isinstance(fields, dict):
            message = f"{path}, line {line}: must be a JSON object with time, recorder and body"
            raise ReplayFileError(message)
        yield line, fields


class _Literal(str):
    """A number as the file writes it, so that a body's price goes through unchanged."""

    __slots__ = ()


def _time(path: Path, line: int, fields: Mapping[str, Any]) -> tuple[int, int]:
    text = fields.get("time")
    if not isinstance(text, str):
        raise _wrong(path, line, "time", "must be ISO-8601 or nanoseconds")
    try:
        return parse_timestamp_as_written(text)
    except ValueRefused as refusal:
        raise _wrong(path, line, "time", str(refusal)) from refusal


def _after(path: Path, line: int, text: object, field: str = "after") -> int:
    try:
        return place_from_stream_id(str(text))
    except ValueError as error:
        raise _wrong(path, line, field, str(error)) from error


def _body(path: Path, line: int, fields: Mapping[str, Any]) -> str:
    body = fields.get("body")
    if isinstance(body, dict):
        return _compact(body)
    if not isinstance(body, str) or isinstance(body, _Literal):
        raise _wrong(path, line, "body", "must be an object or a string")
    return body


def _canonical(body: object) -> str | None:
    """Write an object so that the order of its keys makes no difference; a text is compared as it is."""
    return _compact(body, sort=True) if isinstance(body, dict) else None


def _version(path: Path, line: int, fields: Mapping[str, Any]) -> str | None:
    version = fields.get("settings")
    if version is None:
        return None
    if not isinstance(version, str) or not version:
        raise _wrong(path, line, "settings", "must be the version of a recorder's settings")
    return str(version)


def _contract(path: Path, line: int, fields: Mapping[str, Any]) -> Contract | None:
    facts = fields.get("contract")
    if facts is None:
        return None
    if not isinstance(facts, dict):
        raise _wrong(path, line, "contract", f"must be an object of {', '.join(COLUMNS)}")
    try:
        return parse_contract({name: str(value) for name, value in facts.items()})
    except ValueRefused as refusal:
        raise _wrong(path, line, "contract", str(refusal)) from refusal


def _correction(path: Path, line: int, fields: Mapping[str, Any], before: Sequence[ReplaySignal]) -> Correction | None:
    """Read what a line voids, `{"signal": its line}` or `{"tick": its id}`, and whether that was merely marked."""
    void = fields.get("void")
    if void is None:
        return None
    if not isinstance(void, dict) or len({"signal", "tick"} & void.keys()) != 1:
        raise _wrong(path, line, "void", 'must be {"signal": a line before it} or {"tick": the id of a tick}')
    signal_line = _voided_line(path, line, void["signal"], before) if "signal" in void else None
    return Correction(
        id=line,
        signal_id=signal_line,
        tick_place=_after(path, line, void["tick"], "void") if "tick" in void else None,
        marked=_flag(path, line, void, "marked"),
        refused=None if void.get("refused") is None else str(void["refused"]),
    )


def _voided_line(path: Path, line: int, text: object, before: Sequence[ReplaySignal]) -> int:
    for each in before:
        if str(each.line) == str(text):
            return each.line
    raise _wrong(path, line, "void", f"{text} is not a line before it")


def _flag(path: Path, line: int, fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise _wrong(path, line, name, "must be true or false")
    return value


def _compact(value: object, *, sort: bool = False) -> str:
    """Write JSON with numbers as they were read."""
    if isinstance(value, _Literal):
        return str(value)
    if isinstance(value, dict):
        items = sorted(value.items()) if sort else value.items()
        return "{" + ",".join(f"{json.dumps(name)}:{_compact(each, sort=sort)}" for name, each in items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_compact(each, sort=sort) for each in value) + "]"
    return json.dumps(value)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        message = f"{path}: {error.strerror or error}"
        raise ReplayFileError(message) from error


def _wrong(path: Path, line: int, field: str, reason: str) -> ReplayFileError:
    return ReplayFileError(f"{path}, line {line}, {field}: {reason}")
