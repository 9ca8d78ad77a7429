"""Files of ticks as Parquet: the same columns as in CSV, as text; needs the extra `parquet`."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

ROWS_A_GROUP = 20_000
SUFFIX = ".parquet"


class ParquetUnavailable(Exception):
    """Parquet needs the package pyarrow: pip install 'trade-recorder[parquet]'."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class ParquetUnreadable(Exception):
    """A file is not Parquet, or a column cannot be read exactly; the message says which."""


def parquet_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the names of the columns as line 1, and each row's cells as text; empty for null.

    Times may be text, integers (ns) or timestamps. Raises OSError, ParquetUnavailable and ParquetUnreadable.
    """
    arrow, parquet = _pyarrow()
    try:
        with parquet.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
            yield 1, names
            line = 1
            for batch in file.iter_batches(ROWS_A_GROUP):
                columns = [_as_text(arrow, name, column) for name, column in zip(names, batch.columns, strict=True)]
                for cells in zip(*columns, strict=True):
                    line += 1
                    yield line, list(cells)
    except arrow.ArrowInvalid as error:
        raise ParquetUnreadable(f"not a file of Parquet: {error}") from error


class ParquetRows:
    """An open file of text columns; rows are on disk by the group, and readable once it is closed."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        """Begin a file; raises OSError, one that is there already included, and ParquetUnavailable."""
        arrow, parquet = _pyarrow()
        path.open("x").close()
        self._arrow = arrow
        self._schema = arrow.schema([(name, arrow.string()) for name in columns])
        self._writer = parquet.ParquetWriter(path, self._schema)
        self._rows: list[Sequence[str]] = []

    def writerow(self, row: Sequence[str]) -> None:
        """Add a row; an empty text becomes null."""
        self._rows.append(row)
        if len(self._rows) >= ROWS_A_GROUP:
            self._write_group()

    def close(self) -> None:
        """Write what is left and the end of the file."""
        self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        if not self._rows:
            return
        columns = [[cell or None for cell in column] for column in zip(*self._rows, strict=True)]
        self._writer.write_table(self._arrow.table(columns, schema=self._schema))
        self._rows = []


def _as_text(arrow: Any, name: str, column: Any) -> list[str]:
    kind = column.type
    if arrow.types.is_floating(kind):
        raise ParquetUnreadable(f"{name}: binary floats are not exact; store decimals or text")
    if arrow.types.is_timestamp(kind):
        column = column.cast(arrow.timestamp("ns", tz=kind.tz)).cast(arrow.int64())
    return ["" if cell is None else str(cell) for cell in column.to_pylist()]


def _pyarrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise ParquetUnavailable from error
