from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from shared.comparison_report import comparison_lines, describe_comparison
from shared.domain.listed_trades import ListedTrade
from shared.domain.timestamps import parse_timestamp
from shared.domain.trade_comparison import RecordedTrade, Tolerance, TradeComparison, compare_trades

START = parse_timestamp("2026-11-20T14:30:00Z")
SECOND = 1_000_000_000


def listed(number: int, minute: int, **changes: Any) -> ListedTrade:
    entered_at = START + minute * 60 * SECOND
    trade = ListedTrade(
        number=number,
        direction=1,
        quantity=Decimal(1),
        entry_price=Decimal(25600),
        entered_at=entered_at,
        exit_price=Decimal(25610),
        exited_at=entered_at + 300 * SECOND,
        pnl=Decimal(20),
        run_up=Decimal(22),
        drawdown=Decimal(8),
        currency="USD",
    )
    return replace(trade, **changes)


def recorded(trade_id: int, minute: int, **changes: Any) -> RecordedTrade:
    entered_at = START + minute * 60 * SECOND
    trade = RecordedTrade(
        id=trade_id,
        symbol="MNQ1!",
        direction=1,
        quantity=1,
        entry_price=Decimal(25600),
        entered_at=entered_at,
        exit_price=Decimal(25610),
        exited_at=entered_at + 300 * SECOND,
        pnl=Decimal(20),
        run_up=Decimal(22),
        drawdown=Decimal(8),
        incomplete=False,
        currency="USD",
    )
    return replace(trade, **changes)


def compared(
    left: list[ListedTrade], right: list[RecordedTrade], *, since: int = 0, **tolerance: Any
) -> TradeComparison:
    return compare_trades(left, right, Tolerance(**tolerance), since=since)


def matters(comparison: TradeComparison) -> list[str]:
    return [each.field for matched in comparison.matched for each in matched.differences if each.matters]


def test_equal_lists_agree() -> None:
    comparison = compared([listed(1, 0), listed(2, 30)], [recorded(7, 0), recorded(8, 30)])

    assert comparison.agrees
    assert [(each.listed.number, each.recorded.id) for each in comparison.matched] == [(1, 7), (2, 8)]


def test_a_trade_on_one_side_only_is_missing_or_extra() -> None:
    comparison = compared(
        [listed(1, 0), listed(2, 30), listed(3, 60)], [recorded(7, 0), recorded(8, 45), recorded(9, 60)]
    )

    narrow = compared([listed(1, 0), listed(2, 30)], [recorded(7, 0), recorded(8, 20)], window_seconds=300)

    assert [trade.number for trade in narrow.missing] == [2]
    assert [trade.id for trade in narrow.extra] == [8]
    assert (comparison.missing, comparison.extra) == ((), ())  # a quarter of an hour apart is one trade by default
    assert not narrow.agrees


def test_the_other_side_is_another_trade() -> None:
    comparison = compared([listed(1, 0)], [recorded(7, 0, direction=-1)])

    assert (len(comparison.missing), len(comparison.extra)) == (1, 1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"quantity": 2}, "quantity"),
        ({"entry_price": Decimal("25600.25")}, "entry_price"),
        ({"entered_at": START + 61 * SECOND}, "entry_time"),
        ({"exited_at": START + 361 * SECOND}, "exit_time"),
        ({"exit_price": Decimal(25609)}, "exit_price"),
        ({"pnl": Decimal("19.98")}, "pnl"),
        ({"exited_at": None, "exit_price": None, "pnl": None}, "still_open"),
    ],
)
def test_a_difference_beyond_the_tolerance_is_named(change: dict[str, Any], field: str) -> None:
    comparison = compared([listed(1, 0)], [recorded(7, 0, **change)])

    assert matters(comparison) == [field]
    assert not comparison.agrees


def test_a_difference_within_the_tolerance_is_told_but_agrees() -> None:
    other = recorded(7, 0, entered_at=START + 60 * SECOND, pnl=Decimal("19.99"), drawdown=Decimal(9))

    comparison = compared([listed(1, 0)], [other])

    (matched,) = comparison.matched
    assert comparison.agrees
    amounts = {each.field: each.amount for each in matched.differences if each.amount}
    assert amounts == {"entry_time": 60, "pnl": Decimal("-0.01"), "drawdown": 1}


def test_run_up_and_drawdown_matter_only_when_a_tolerance_is_given() -> None:
    deeper = [recorded(7, 0, run_up=Decimal(30), drawdown=Decimal(12))]

    assert matters(compared([listed(1, 0)], deeper)) == []
    assert matters(compared([listed(1, 0)], deeper, excursions=Decimal(4))) == ["run_up"]


def test_amounts_in_another_currency_are_not_compared() -> None:
    comparison = compared([listed(1, 0, currency="EUR", pnl=Decimal(18))], [recorded(7, 0)])

    assert comparison.agrees
    assert "pnl" not in {each.field for each in comparison.matched[0].differences}


def test_what_only_one_side_could_have_traded_is_not_compared() -> None:
    since = START + 20 * 60 * SECOND

    comparison = compared(
        [listed(1, 0), listed(2, 60)], [recorded(7, 10), recorded(8, 60), recorded(9, 100)], since=since
    )

    assert (comparison.listed_outside, comparison.recorded_outside) == (1, 2)
    assert comparison.agrees


def test_an_empty_list_says_nothing_about_what_was_recorded() -> None:
    comparison = compared([], [recorded(7, 0)])

    assert (comparison.agrees, comparison.recorded_outside) == (True, 1)


def test_a_comparison_prints_as_a_table_and_as_json() -> None:
    comparison = compared([listed(1, 0), listed(2, 60)], [recorded(7, 0, pnl=Decimal(18)), recorded(8, 30)])

    lines = list(comparison_lines(comparison))
    described = describe_comparison(comparison)

    assert [line.split()[0] for line in lines[1:4]] == ["matched", "extra", "missing"]
    assert "20 / 18" in lines[1]
    assert lines[-1].startswith("1 matched (1 differ), 1 missing, 1 extra")
    assert described["matched"][0]["differences"] == [{"field": "pnl", "amount": "-2", "matters": True}]
    assert described["missing"][0]["number"] == 2
