from decimal import Decimal

import pytest

from shared.contracts_file import packaged_contracts
from shared.domain.contracts import Contract, ContractsRefused, read_contracts
from shared.domain.symbols import UnknownSymbol, normalize_symbol
from shared.domain.timestamps import parse_timestamp

HEADER = "root,kind,exchange,name,tick_size,multiplier,currency"
MNQ = "MNQ,future,CME_MINI,Micro E-mini Nasdaq-100,0.25,2,USD"


def normal(text: str, *, on: str = "2026-02-18") -> str:
    occurred_at = parse_timestamp(f"{on}T12:00:00Z")
    return normalize_symbol(text, occurred_at=occurred_at, contracts=packaged_contracts()).symbol


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("MNQ1!", "MNQ1!"),
        ("MNQ2!", "MNQ2!"),
        ("CME_MINI:MNQ1!", "MNQ1!"),
        (" mnq1! ", "MNQ1!"),
        ("cme_mini: mnq", "MNQ1!"),
        ("MNQ", "MNQ1!"),
        ("MNQZ6", "MNQZ2026"),
        ("MNQZ26", "MNQZ2026"),
        ("MNQZ2026", "MNQZ2026"),
        ("mnqz1999", "MNQZ1999"),
        ("BTCUSD", "BTCUSD"),
        ("COINBASE:ethusd", "ETHUSD"),
        ("BTC1!", "BTC1!"),
        ("BTCU6", "BTCU2026"),
        ("SI1!", "SI1!"),
        ("SILH6", "SILH2026"),
        ("SIH6", "SIH2026"),
        ("M2K1!", "M2K1!"),
        ("M2KU6", "M2KU2026"),
        ("6E1!", "6E1!"),
        ("6EH6", "6EH2026"),
        ("M6EH26", "M6EH2026"),
        ("NYMEX:CL1!", "CL1!"),
        ("CBOT_MINI:YM1!", "YM1!"),
        ("ZNZ6", "ZNZ2026"),
        ("NGN6", "NGN2026"),
    ],
)
def test_every_notation_comes_to_one_normal_form(text: str, symbol: str) -> None:
    assert normal(text) == symbol


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "NYMEX:",
        "NYMEX",
        "MN",
        "MNQ0!",
        "MNQ!",
        "MNQ12!",
        "MNQ1!!",
        "MNQA6",
        "MNQZ",
        "MNQZ126",
        "MNQZ0026",
        "BTCUSD1!",
        "BTCUSDH6",
        "BTCUSDT",
        "AAPL",
        "MNQ 1!",
        "1!",
        "",
        ":",
        "ß",
        "MNQZ٦",
    ],
)
def test_a_symbol_that_no_contract_fits_is_refused_by_name(text: str) -> None:
    with pytest.raises(UnknownSymbol) as refusal:
        normal(text)

    assert str(refusal.value) == f"unknown symbol {text}"


def test_the_longest_root_that_fits_wins_over_a_shorter_one() -> None:
    rows = [HEADER, MNQ, "MN,future,X,Short,1,1,USD", "MNQ6,future,X,Odd,1,1,USD"]
    contracts = read_contracts(rows)

    def root(text: str) -> str:
        return normalize_symbol(text, occurred_at=0, contracts=contracts).contract.root

    assert root("MNQ1!") == "MNQ"
    assert root("MNQ") == "MNQ"
    assert root("MNQ75") == "MN"  # August 2075 of MN, for 75 cannot follow MNQ
    assert root("MNQ6") == "MNQ6"  # not August 2026 of MN
    assert root("MN1!") == "MN"


@pytest.mark.parametrize(
    ("text", "on", "symbol"),
    [
        ("MNQZ5", "2026-02-18", "MNQZ2025"),
        ("MNQZ4", "2026-02-18", "MNQZ2024"),
        ("MNQZ3", "2026-02-18", "MNQZ2033"),
        ("MNQZ9", "2026-12-31", "MNQZ2029"),
        ("MNQZ9", "2031-01-01", "MNQZ2029"),
        ("MNQH0", "2029-12-31", "MNQH2030"),
        ("MNQH8", "2030-01-01", "MNQH2028"),
        ("MNQH7", "2030-01-01", "MNQH2037"),
        ("MNQH0", "2093-01-01", "MNQH2100"),
        ("MNQH2100", "2093-01-01", "MNQH2100"),
    ],
)
def test_a_one_digit_year_is_from_two_back_to_seven_ahead_of_the_signal(text: str, on: str, symbol: str) -> None:
    assert normal(text, on=on) == symbol


def test_the_packaged_contracts_carry_what_a_tick_is_worth() -> None:
    contracts = packaged_contracts()
    values = {root: contracts[root].tick_value for root in ("MNQ", "ES", "ZN", "6J", "ZT", "BTCUSD")}

    assert values == {
        "MNQ": Decimal("0.50"),
        "ES": Decimal("12.50"),
        "ZN": Decimal("15.625"),
        "6J": Decimal("6.25"),
        "ZT": Decimal("7.8125"),
        "BTCUSD": Decimal("0.01"),
    }


def test_a_table_reads_into_contracts_by_root() -> None:
    assert read_contracts([HEADER, MNQ]) == {
        "MNQ": Contract(
            root="MNQ",
            kind="future",
            exchange="CME_MINI",
            name="Micro E-mini Nasdaq-100",
            tick_size=Decimal("0.25"),
            multiplier=Decimal(2),
            currency="USD",
        )
    }


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], f"line 1: the columns must be {HEADER}"),
        (["root,kind"], f"line 1: the columns must be {HEADER}"),
        ([HEADER, MNQ, MNQ], "line 3: root: MNQ stands there twice"),
        ([HEADER, MNQ.replace("0.25", "0")], "line 2: tick_size: 0 is not more than 0"),
        ([HEADER, MNQ.replace("0.25", "nan")], "line 2: tick_size: 'nan' is not a number"),
        ([HEADER, MNQ.replace(",2,", ",-2,")], "line 2: multiplier: -2 is not more than 0"),
        ([HEADER, MNQ.replace("future", "option")], "line 2: kind: 'option' is neither future nor spot"),
        ([HEADER, MNQ.replace("MNQ", "mnq")], "line 2: root: 'mnq' is not of the form"),
        ([HEADER, MNQ.replace("USD", "$")], "line 2: currency: '$' is not of the form"),
        ([HEADER, MNQ + ",more"], "line 2: needs exactly the columns"),
        ([HEADER, MNQ.replace("CME_MINI", "")], "line 2: needs exactly the columns"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused_with_its_line(rows: list[str], reason: str) -> None:
    with pytest.raises(ContractsRefused) as refusal:
        read_contracts(rows)

    assert str(refusal.value).startswith(reason)
