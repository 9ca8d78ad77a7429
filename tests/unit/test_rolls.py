"""The calendar of rolls, against dates that exchanges and brokers published."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from shared.contracts_file import packaged_contracts
from shared.domain import expiries
from shared.domain.refusals import ValueRefused
from shared.domain.rolls import RULES, check_front_months, contracts_near, dated_symbol
from shared.domain.symbols import MONTH_CODES
from shared.domain.timestamps import from_datetime

NEW_YORK = ZoneInfo("America/New_York")


def at(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK))


def contract(symbol: str, moment: str, **front_months: str) -> str | None:
    return dated_symbol(symbol, symbol[:-2], at(moment), front_months)


@pytest.mark.parametrize(
    ("root", "end", "ends"),
    [
        # First notice days of 2026 as a broker lists them; crude is noticed two business days after its last trading
        # day, gas one, fuels two.
        ("CL", 2, "2025-12-23 2026-01-22 2026-02-24 2026-03-24 2026-04-23 2026-05-21 2026-06-24 2026-07-23 2026-08-24"),
        ("NG", 1, "2025-12-30 2026-01-29 2026-02-26 2026-03-30 2026-04-29 2026-05-28 2026-06-29 2026-07-30 2026-08-28"),
        ("RB", 2, "2026-01-05 2026-02-03 2026-03-03 2026-04-02 2026-05-04 2026-06-02 2026-07-02 2026-08-04 2026-09-02"),
        ("GC", 0, "2026-01-30 2026-03-31 2026-05-29 2026-07-31 2026-11-30"),
        ("SI", 0, "2026-02-27 2026-04-30 2026-06-30 2026-08-31 2026-11-30"),
        ("PL", 0, "2025-12-31 2026-03-31 2026-06-30 2026-09-30"),
        ("ZC", 0, "2026-02-27 2026-04-30 2026-06-30 2026-08-31 2026-11-30"),
    ],
)
def test_contracts_end_when_brokers_say_they_do(root: str, end: int, ends: str) -> None:
    rule = RULES[root]
    published = [date.fromisoformat(day) for day in ends.split()]
    months = [MONTH_CODES.index(code) + 1 for code in rule.months]
    for month, notice in zip(months, published, strict=False):
        assert rule.end(2026, month) == expiries.business_days_before(notice, end)


@pytest.mark.parametrize(
    ("symbol", "last_day", "first_day", "old", "new"),
    [
        # The exchange changed its lead months of stock indices on Mondays of 2022 and 2026.
        ("MNQ1!", "2022-06-10", "2022-06-13", "MNQM2022", "MNQU2022"),
        ("ES1!", "2026-03-13", "2026-03-16", "ESH2026", "ESM2026"),
        ("MNQ1!", "2026-12-11", "2026-12-14", "MNQZ2026", "MNQH2027"),
        ("MNQ2!", "2026-12-11", "2026-12-14", "MNQH2027", "MNQM2027"),
        ("NKD1!", "2014-12-05", "2014-12-08", "NKDZ2014", "NKDH2015"),
        # By our own rule, on days that were worked out by hand.
        ("CL1!", "2025-12-15", "2025-12-16", "CLF2026", "CLG2026"),
        ("CL1!", "2026-05-13", "2026-05-14", "CLM2026", "CLN2026"),
        ("NG1!", "2026-01-22", "2026-01-23", "NGG2026", "NGH2026"),
        ("GC1!", "2026-11-24", "2026-11-25", "GCZ2026", "GCG2027"),
        ("ZN1!", "2025-02-25", "2025-02-26", "ZNH2025", "ZNM2025"),
        ("6E1!", "2025-03-12", "2025-03-13", "6EH2025", "6EM2025"),
        ("MBT1!", "2026-10-27", "2026-10-28", "MBTV2026", "MBTX2026"),
    ],
)
def test_a_contract_is_left_at_the_start_of_its_roll_day(
    symbol: str, last_day: str, first_day: str, old: str, new: str
) -> None:
    assert contract(symbol, f"{last_day}T16:59:59") == old
    assert contract(symbol, f"{first_day}T00:00:00") == new


def test_a_roll_happens_at_the_hour_at_which_the_trading_day_begins() -> None:
    assert contract("MNQ1!", "2026-12-13T17:59:59.999999") == "MNQZ2026"
    assert contract("MNQ1!", "2026-12-13T18:00:00") == "MNQH2027"


def test_every_future_of_the_table_has_a_rule() -> None:
    futures = {root for root, contract in packaged_contracts().items() if contract.kind == "future"}
    assert futures == RULES.keys()


@pytest.mark.parametrize("root", RULES)
def test_contracts_follow_one_another_in_their_order(root: str) -> None:
    rule = RULES[root]
    days = [rule.roll_day(year, MONTH_CODES.index(code) + 1) for year in range(2024, 2030) for code in rule.months]
    assert days == sorted(set(days))
    for year in range(2024, 2030):
        for code in rule.months:
            month = MONTH_CODES.index(code) + 1
            assert rule.roll_day(year, month) < expiries.last_business_day_before(year + month // 12, month % 12 + 1)


@pytest.mark.parametrize(
    ("day", "contracts"),
    [
        ("2026-11-29", ["MNQZ2026"]),
        ("2026-11-30", ["MNQZ2026", "MNQH2027"]),
        ("2026-12-14", ["MNQZ2026", "MNQH2027"]),
        ("2026-12-27", ["MNQZ2026", "MNQH2027"]),
        ("2026-12-28", ["MNQH2027"]),
    ],
)
def test_within_two_weeks_of_a_roll_day_it_may_be_either_contract(day: str, contracts: list[str]) -> None:
    assert list(contracts_near("MNQ1!", "MNQ", at(f"{day}T12:00:00"), {})) == contracts


def test_a_chosen_front_month_and_a_dated_symbol_leave_no_doubt() -> None:
    moment = at("2026-12-14T12:00:00")
    assert contracts_near("MNQ1!", "MNQ", moment, {"MNQ": "MNQM2027"}) == ("MNQM2027",)
    assert contracts_near("MNQZ2026", "MNQ", moment, {}) == contracts_near("FDAX1!", "FDAX", moment, {}) == ()


def test_the_front_month_can_be_chosen() -> None:
    assert contract("MNQ1!", "2026-12-20T12:00:00", MNQ="MNQZ2026") == "MNQZ2026"
    assert contract("MNQ2!", "2026-12-20T12:00:00", MNQ="MNQZ2026") == "MNQH2027"
    assert contract("MNQ3!", "2026-12-20T12:00:00", MNQ="MNQZ2026") == "MNQM2027"
    assert contract("ES1!", "2026-12-20T12:00:00", MNQ="MNQZ2026") == "ESH2027"


def test_a_dated_symbol_stays_as_it_is() -> None:
    assert dated_symbol("MNQZ2026", "MNQ", at("2030-01-01T00:00:00"), {}) == "MNQZ2026"


def test_a_root_without_a_rule_has_no_front_month_unless_it_is_chosen() -> None:
    assert contract("FDAX1!", "2026-12-20T12:00:00") is None
    assert contract("FDAX1!", "2026-12-20T12:00:00", FDAX="FDAXZ2026") == "FDAXZ2026"
    assert dated_symbol("BTCUSD", "BTCUSD", at("2026-12-20T12:00:00"), {}) is None


def test_chosen_front_months_are_taken_in_any_case() -> None:
    assert check_front_months({"mnq": "MNQZ2026", "CL": "clf2027"}) == {"MNQ": "MNQZ2026", "CL": "CLF2027"}


@pytest.mark.parametrize("symbol", ["", "MNQ", "MNQZ6", "ESZ2026", "MNQA2026", "MNQ1!"])
def test_a_front_month_that_is_none_is_refused(symbol: str) -> None:
    with pytest.raises(ValueRefused, match="is not of the form MNQ=MNQZ2026"):
        check_front_months({"MNQ": symbol})
