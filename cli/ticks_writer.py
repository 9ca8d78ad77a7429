"""Writes ticks and gap marks to a file as they come: CSV line by line, Parquet by the group."""

import csv
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

from cli.refusals import Refused
from shared.domain.numbers import plain
from shared.domain.quotes import Gap, Roll, SourceMessage
from shared.domain.timestamps import format_timestamp
from shared.ticks_parquet import SUFFIX, ParquetRows, ParquetUnavailable

COLUMNS = ("time", "symbol", "price", "bid", "ask", "size", "gap_seconds", "roll")
TIME_DIGITS = 6


class TicksWriter:
    """An open file of ticks; a file of that name that was there before is never overwritten."""

    def __init__(self, path: Path) -> None:
        self.ticks = 0
        self.gaps = 0
        self._last_time = 0
        try:
            self._rows = ParquetRows(path, COLUMNS) if path.suffix == SUFFIX else _CsvRows(path)
        except OSError as error:
            raise Refused(f"{path}: {error.strerror}.") from error
        except ParquetUnavailable as error:
            raise Refused(str(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._rows.close()

    def write(self, messages: Iterable[SourceMessage]) -> None:
        """Append messages; a roll by nothing only says which contract it is, and a file need not know."""
        for message in messages:
            if not (isinstance(message, Roll) and message.difference == 0):
                self._rows.writerow(self._row(message))

    def _row(self, message: SourceMessage) -> tuple[str, ...]:
        # A price that waited for its confirmation keeps its place among the others, not its time.
        self._last_time = max(self._last_time, message.occurred_at)
        moment = format_timestamp(self._last_time, TIME_DIGITS)
        if isinstance(message, Gap):
            self.gaps += 1
            return moment, message.symbol, "", "", "", "", plain(message.gap_seconds), ""
        if isinstance(message, Roll):
            return moment, message.symbol, "", "", "", "", "", plain(message.difference)
        self.ticks += 1
        numbers = (message.price, message.bid, message.ask, message.size)
        return moment, message.symbol, *map(_text, numbers), "", ""


class _CsvRows:
    """An open CSV file; each line is handed to the operating system as a whole."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("x", newline="", encoding="utf-8", buffering=1)
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(COLUMNS)

    def writerow(self, row: Sequence[str]) -> None:
        self._writer.writerow(row)

    def close(self) -> None:
        self._file.close()


def _text(number: Decimal | None) -> str:
    return "" if number is None else plain(number)
