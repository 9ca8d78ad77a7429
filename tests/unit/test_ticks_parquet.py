"""A live feed saved as Parquet is the same file of ticks as the one saved as CSV."""

import sys
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from cli.refusals import Refused
from cli.ticks_writer import TicksWriter
from shared.domain.quotes import Gap, Quote, Roll, SourceMessage
from shared.ticks_file import TickRow, TicksFileError, read_ticks_file

AT = 1_795_000_000_123_456_000
MESSAGES: list[SourceMessage] = [
    Quote(symbol="BTCUSD", occurred_at=AT, price=Decimal("86250.10"), bid=Decimal(86250), size=Decimal("0.00000025")),
    Gap(symbol="BTCUSD", occurred_at=AT + 2_000_000_000, gap_seconds=Decimal("1.5")),
    Roll(symbol="MNQ1!", occurred_at=AT + 3_000_000_000, difference=Decimal("-12.25")),
    *(Quote(symbol="MNQ1!", occurred_at=AT + 4_000_000_000 + n * 1000, price=Decimal(n + 1)) for n in range(40_500)),
]


def saved(path: Path) -> list[TickRow]:
    with TicksWriter(path) as file:
        file.write(MESSAGES)
    return list(read_ticks_file(path))


def test_both_kinds_of_file_read_the_same(tmp_path: Path) -> None:
    rows = saved(tmp_path / "day.parquet")

    assert rows == saved(tmp_path / "day.csv")
    assert [row.price for row in rows[:3]] == [Decimal("86250.10"), None, None]
    assert (rows[1].gap_seconds, rows[2].roll, len(rows)) == (Decimal("1.5"), Decimal("-12.25"), len(MESSAGES))


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "day.parquet"
    path.write_text("precious")

    with pytest.raises(Refused, match=r"day\.parquet"):
        TicksWriter(path)

    assert path.read_text() == "precious"


def test_columns_of_other_programs_are_read_as_long_as_they_are_exact(tmp_path: Path) -> None:
    moment = pa.array([AT], pa.timestamp("ns", tz="UTC"))
    price = pa.array([Decimal("25000.25")], pa.decimal128(12, 2))
    path = written(tmp_path, {"time": moment, "symbol": ["MNQ1!"], "price": price})

    (row,) = read_ticks_file(path)

    assert (row.occurred_at, row.price) == (AT, Decimal("25000.25"))


def test_binary_floats_are_refused_by_the_name_of_their_column(tmp_path: Path) -> None:
    path = written(tmp_path, {"time": [AT], "symbol": ["MNQ1!"], "price": [25000.25]})

    with pytest.raises(TicksFileError, match=r"ticks.parquet: price: binary floats are not exact"):
        list(read_ticks_file(path))


def test_what_is_no_parquet_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "ticks.parquet"
    path.write_text("time,symbol,price\n")

    with pytest.raises(TicksFileError, match=r"ticks.parquet: not a file of Parquet"):
        list(read_ticks_file(path))


def test_without_the_package_a_sentence_tells_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(Refused, match=r"pip install 'trade-recorder\[parquet\]'"):
        TicksWriter(tmp_path / "day.parquet")


def written(directory: Path, columns: dict[str, object]) -> Path:
    path = directory / "ticks.parquet"
    parquet.write_table(pa.table(columns), path)
    return path
