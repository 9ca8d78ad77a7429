from decimal import Decimal
from pathlib import Path

import pytest

from shared.domain.places import place_from_stream_id
from shared.ticks_file import TickRow, TicksFileError, read_ticks_file

HEADER = "time,symbol,price\n"
NS_2026 = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "ticks.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rows(tmp_path: Path, text: str | bytes) -> list[TickRow]:
    return list(read_ticks_file(written(tmp_path, text)))


def refusal(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(TicksFileError) as refused:
        rows(tmp_path, text)
    message = str(refused.value)
    assert "\n" not in message
    assert message.startswith(str(tmp_path / "ticks.csv"))
    return message.removeprefix(str(tmp_path / "ticks.csv"))


def test_a_row_with_every_field_reads_exactly(tmp_path: Path) -> None:
    header = "time,symbol,price,bid,ask,size,id,gap_seconds\n"
    [row] = rows(tmp_path, f"{header}2026-01-01T00:00:00.250Z,mnq1!,21500.25,21500.00,21500.50,3,17-2,\n")
    assert row == TickRow(
        line=2,
        symbol="MNQ1!",
        occurred_at=NS_2026 + 250_000_000,
        time_digits=3,
        price=Decimal("21500.25"),
        bid=Decimal(21500),
        ask=Decimal("21500.5"),
        size=Decimal(3),
        place=place_from_stream_id("17-2"),
    )


def test_a_row_without_price_is_a_roll_if_it_has_one(tmp_path: Path) -> None:
    read = rows(
        tmp_path, f"time,symbol,price,gap_seconds,roll\n{NS_2026},A,,,-150.25\n{NS_2026},A,2,,7\n{NS_2026},A,,1,\n"
    )
    assert [(row.price, row.gap_seconds, row.roll) for row in read] == [
        (None, None, Decimal("-150.25")),
        (Decimal(2), None, None),
        (None, Decimal(1), None),
    ]


def test_integers_are_nanoseconds(tmp_path: Path) -> None:
    [row] = rows(tmp_path, f"{HEADER}{NS_2026 + 7},EURUSD,1.38\n")
    assert (row.occurred_at, row.time_digits) == (NS_2026 + 7, 9)


def test_columns_may_stand_in_any_order_and_the_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    [row] = rows(tmp_path, f"\ufeffprice, Symbol ,TIME\r\n0,CL1!,{NS_2026}\r\n")
    assert (row.price, row.symbol) == (Decimal(0), "CL1!")


def test_a_row_without_price_is_a_gap_mark_if_it_has_a_gap_and_else_left_out(tmp_path: Path) -> None:
    read = rows(tmp_path, f"time,symbol,price,gap_seconds\n{NS_2026},A,,1.5\n{NS_2026},A,,\n{NS_2026},A,2,\n\n")
    assert [(row.line, row.price, row.gap_seconds) for row in read] == [
        (2, None, Decimal("1.5")),
        (4, Decimal(2), None),
    ]


def test_a_price_with_a_gap_stays_a_tick(tmp_path: Path) -> None:
    [row] = rows(tmp_path, f"time,symbol,price,gap_seconds\n{NS_2026},A,0,3\n")
    assert (row.price, row.gap_seconds) == (Decimal(0), None)


def test_equal_times_keep_the_files_order(tmp_path: Path) -> None:
    assert [row.price for row in rows(tmp_path, f"{HEADER}5,A,1\n5,A,2\n5,B,3\n")] == [1, 2, 3]


def test_ids_decide_the_order_where_there_are_any(tmp_path: Path) -> None:
    header = "time,symbol,price,id\n"
    assert len(rows(tmp_path, f"{header}9,A,1,1-0\n5,A,2,1-1\n")) == 2
    assert refusal(tmp_path, f"{header}5,A,1,10-0\n6,A,2,9-9\n").startswith(", line 3, id: ")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", ", line 1, time: "),
        ("time,symbol\n", ", line 1, price: "),
        ("time,symbol,price,volume\n", ", line 1, volume: "),
        ("time,symbol,price,price\n", ", line 1, price: "),
        (f"{HEADER}5,A\n", ", line 2: 2 fields"),
        (f"{HEADER}5,A,1,2\n", ", line 2: 4 fields"),
        (f"{HEADER}yesterday,A,1\n", ", line 2, time: 'yesterday'"),
        (f"{HEADER},A,1\n", ", line 2, time: "),
        (f"{HEADER}5, ,1\n", ", line 2, symbol: "),
        (f"{HEADER}5,A B,1\n", ", line 2, symbol: 'A B'"),
        (f"{HEADER}5,A,1\n6,A,NaN\n", ", line 3, price: 'NaN'"),
        (f"{HEADER}5,A,1\n6,A,1.2.3\n", ", line 3, price: '1.2.3'"),
        (f"{HEADER}5,A,1\n4,A,1\n", ", line 3, time: earlier"),
        ("time,symbol,price,size\n5,A,1,many\n", ", line 2, size: 'many'"),
        ("time,symbol,price,id\n5,A,1,\n", ", line 2, id: "),
        ("time,symbol,price,gap_seconds\n5,A,,0\n", ", line 2, gap_seconds: "),
        ("time,symbol,price,gap_seconds\n5,A,,soon\n", ", line 2, gap_seconds: "),
        (f'{HEADER}5,"A,1\n', ", line 2: "),
        (b"time,symbol,price\n5,\xff\xfe,1\n", ", line 2, symbol: "),
        (b"time,symbol,price\n5,A\x00,1\n", ", line 2"),
    ],
)
def test_a_damaged_file_is_refused_with_line_and_field(tmp_path: Path, text: str | bytes, named: str) -> None:
    assert refusal(tmp_path, text).startswith(named)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    assert refusal_of(tmp_path / "none.csv") == f"{tmp_path / 'none.csv'}: No such file or directory"
    assert refusal_of(tmp_path) == f"{tmp_path}: Is a directory"


def refusal_of(path: Path) -> str:
    with pytest.raises(TicksFileError) as refused:
        list(read_ticks_file(path))
    return str(refused.value)


def test_rows_come_one_by_one_before_the_damage_is_reached(tmp_path: Path) -> None:
    read = read_ticks_file(written(tmp_path, f"{HEADER}5,A,1\n5,A,oops\n"))
    assert next(read).price == 1
    with pytest.raises(TicksFileError):
        next(read)
