"""TradingView's exported list of trades, as the exports of six years write it; every golden file is a case."""

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared.domain.listed_trades import ListedTrade, ListRefused, read_listed_trades
from shared.domain.numbers import plain
from shared.domain.timestamps import format_timestamp

FILES = sorted((Path(__file__).parents[1] / "golden" / "list_of_trades").glob("*.csv"))
NEW_YORK = ZoneInfo("America/New_York")
HEADER = "Trade number,Type,Date and time,Signal,Price USD,Size (qty),Net PnL USD\n"
ENTRY = "1,Entry long,2026-11-20 09:30,Long,25600,1,\n"
EXIT = "1,Exit long,2026-11-20 09:41,Close,25610,1,20\n"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_export_reads_as_its_trades(file: Path) -> None:
    trades = read_listed_trades(file.read_bytes(), NEW_YORK)

    assert [as_json(trade) for trade in trades] == json.loads(file.with_suffix(".json").read_text())


def as_json(trade: ListedTrade) -> dict[str, Any]:
    leaving = None
    if trade.exited_at is not None and trade.exit_price is not None:
        leaving = [format_timestamp(trade.exited_at, 0), plain(trade.exit_price)]
    amounts = {name: getattr(trade, name) for name in ("pnl", "run_up", "drawdown")}
    return {
        "number": trade.number,
        "side": "long" if trade.direction == 1 else "short",
        "quantity": plain(trade.quantity),
        "entry": [format_timestamp(trade.entered_at, 0), plain(trade.entry_price)],
        "exit": leaving,
        **{name: None if amount is None else plain(amount) for name, amount in amounts.items()},
        "currency": trade.currency,
    }


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", "line 1: there is no column 'trade number'"),
        (b"PK\x03\x04", "this is a spreadsheet: export the list of trades as CSV"),
        (b"\xff\xfe", "byte 1 is no text in UTF-8"),
        (b"Trade number,Type\n", "line 1: there is no column 'date and time' and none 'price'"),
        (HEADER + "1,Entry,2026-11-20 09:30,Long,1,1,", "line 2, type: 'Entry' is not an entry or exit"),
        (HEADER + ENTRY.replace("09:30", "9.30"), "line 2, date and time: '2026-11-20 9.30' is not a time"),
        (HEADER + ENTRY.replace("25600", "much"), "line 2, price: 'much' is not a number"),
        (HEADER + ENTRY.replace("25600", ""), "line 2, price: is missing"),
        (HEADER + ENTRY + ENTRY, "line 3: trade 1 has a second entry"),
        (HEADER + EXIT, "line 2: trade 1 has an exit without an entry of its side"),
        (HEADER + ENTRY + EXIT.replace("long", "short"), "line 3: trade 1 has an exit without an entry of its side"),
    ],
)
def test_what_is_no_list_of_trades_is_refused_with_line_and_column(content: bytes | str, refusal: str) -> None:
    with pytest.raises(ListRefused) as refused:
        read_listed_trades(content if isinstance(content, bytes) else content.encode(), NEW_YORK)

    assert str(refused.value).startswith(refusal)


def test_a_list_without_a_trade_has_none() -> None:
    assert read_listed_trades(HEADER.encode(), NEW_YORK) == []


def test_a_time_with_its_own_offset_needs_no_zone() -> None:
    text = HEADER + ENTRY.replace("2026-11-20 09:30", "2026-11-20T09:30:00-0800")

    (trade,) = read_listed_trades(text.encode(), NEW_YORK)

    assert format_timestamp(trade.entered_at, 0) == "2026-11-20T17:30:00Z"
