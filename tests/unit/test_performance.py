from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.performance import (
    NO_CLOSED_TRADE,
    NO_LOSING_TRADE,
    Result,
    equity_curve,
)
from shared.domain.trades import Leg
from shared.domain.trading_day import trading_day, trading_day_start
from tests.single_results import Course, summarize_trades, tick_drawdown


def results(*pnls: str) -> list[Result]:
    return [Result(exited_at=number, pnl=Decimal(pnl)) for number, pnl in enumerate(pnls, start=1)]


def leg(number: int, span: tuple[int, int], lowest: str, *, before: str = "0", highest: str = "0") -> Leg:
    return Leg(
        number=number,
        quantity=1,
        realized_before=Decimal(before),
        lowest_result=Decimal(lowest),
        highest_result=Decimal(highest),
        started_at=span[0],
        ended_at=span[1],
    )


def course(number: int, legs: list[Leg], pnl: str, closed_at: int | None, *, ticks: int = 9, gap: str = "0") -> Course:
    return Course(
        number=number,
        legs=legs,
        realized_pnl=Decimal(pnl),
        closed_at=closed_at,
        ticks_seen=ticks,
        gap_seconds=Decimal(gap),
    )


def test_figures_of_wins_and_losses() -> None:
    performance = summarize_trades(results("100", "-40", "60", "-10", "0"))

    assert (performance.trades, performance.wins, performance.net_profit) == (5, 2, 110)
    assert performance.profit_factor.value == Decimal("3.2")
    assert performance.win_rate.value == Decimal("0.4")
    assert performance.closed_drawdown == 40


def test_without_trades_the_ratios_are_undefined_with_a_reason_and_the_sums_are_zero() -> None:
    performance = summarize_trades([])

    assert (performance.net_profit, performance.closed_drawdown, performance.trades) == (0, 0, 0)
    assert (performance.profit_factor.value, performance.profit_factor.reason) == (None, NO_CLOSED_TRADE)
    assert (performance.win_rate.value, performance.win_rate.reason) == (None, NO_CLOSED_TRADE)


def test_without_a_loss_the_profit_factor_is_undefined() -> None:
    performance = summarize_trades(results("10", "0"))

    assert (performance.profit_factor.value, performance.profit_factor.reason) == (None, NO_LOSING_TRADE)


def test_with_losses_alone_the_profit_factor_and_the_win_rate_are_zero() -> None:
    performance = summarize_trades(results("-10", "-5"))

    assert (performance.profit_factor.value, performance.win_rate.value) == (0, 0)
    assert performance.closed_drawdown == 15


def test_trades_closed_at_one_moment_are_one_point_of_the_curve() -> None:
    at_once = [Result(exited_at=5, pnl=Decimal(-30)), Result(exited_at=5, pnl=Decimal(50))]

    points = equity_curve([*at_once, Result(exited_at=2, pnl=Decimal(-8))])

    assert [(point.at, point.equity, point.underwater) for point in points] == [(2, -8, -8), (5, 12, 0)]


@given(st.lists(st.integers(min_value=-500, max_value=500), max_size=30))
def test_the_closed_drawdown_is_the_largest_fall_between_any_two_closings(pnls: list[int]) -> None:
    equity = [sum(pnls[:end]) for end in range(len(pnls) + 1)]
    brute = max((high - low for start, high in enumerate(equity) for low in equity[start:]), default=0)

    assert summarize_trades(results(*map(str, pnls))).closed_drawdown == brute


def test_a_winning_trade_has_its_drawdown_at_tick_precision() -> None:
    drawdown = tick_drawdown([course(1, [leg(1, (1, 5), "-40")], "20", 5)])

    assert (drawdown.amount, drawdown.at_most, drawdown.at_least) == (40, False, False)


def test_the_fall_is_measured_from_the_highest_booked_equity() -> None:
    first = course(1, [leg(1, (1, 5), "-40")], "100", 5)
    second = course(2, [leg(1, (6, 9), "-70", highest="30")], "-50", 9)
    third = course(3, [leg(1, (10, 12), "-5")], "60", 12)

    assert tick_drawdown([third, first, second]).amount == 70


def test_what_a_target_booked_on_the_way_raises_the_level_that_the_rest_falls_from() -> None:
    legs = [leg(1, (1, 4), "-10", highest="60"), leg(2, (4, 9), "-20", before="30", highest="60")]

    assert tick_drawdown([course(1, legs, "-20", 9)]).amount == 50


def test_a_reversal_at_one_moment_does_not_count_both_positions_at_once() -> None:
    long = course(1, [leg(1, (1, 5), "-40")], "-40", 5)
    short = course(2, [leg(1, (5, 9), "-30")], "10", 9)

    drawdown = tick_drawdown([long, short])

    assert (drawdown.amount, drawdown.at_most) == (70, False)


def test_positions_that_overlap_give_an_upper_bound_that_says_so() -> None:
    one = course(1, [leg(1, (1, 9), "-40")], "5", 9)
    other = course(2, [leg(1, (3, 6), "-30")], "5", 6)

    drawdown = tick_drawdown([one, other])

    assert (drawdown.amount, drawdown.at_most) == (70, True)


def test_an_overlap_that_is_not_the_deepest_fall_leaves_it_exact() -> None:
    one = course(1, [leg(1, (1, 9), "-4")], "5", 9)
    other = course(2, [leg(1, (3, 6), "-3")], "5", 6)
    deepest = course(3, [leg(1, (10, 12), "-90")], "5", 12)

    drawdown = tick_drawdown([one, other, deepest])

    assert (drawdown.amount, drawdown.at_most) == (90, False)


def test_an_open_position_counts_with_the_stretch_it_is_in() -> None:
    assert tick_drawdown([course(1, [leg(1, (1, 1), "-12.5")], "0", None)]).amount == Decimal("12.5")


def test_missed_seconds_make_the_drawdown_a_lower_bound_of_open_positions_too() -> None:
    closed = course(1, [leg(1, (1, 5), "-40")], "20", 5, gap="51")
    still_open = course(2, [leg(1, (6, 6), "0")], "0", None, gap="3.5")

    drawdown = tick_drawdown([closed, still_open])

    assert (drawdown.at_least, drawdown.gaps, drawdown.longest_gap_seconds, drawdown.unseen) == (True, 2, 51, 0)
    assert tick_drawdown([still_open]).at_least


def test_a_position_without_a_tick_counts_as_unseen_only_once_it_is_closed() -> None:
    closed = course(1, [leg(1, (1, 5), "0")], "20", 5, ticks=0)
    just_opened = course(2, [leg(1, (6, 6), "0")], "0", None, ticks=0)

    assert (tick_drawdown([closed]).at_least, tick_drawdown([closed]).unseen) == (True, 1)
    assert (tick_drawdown([just_opened]).at_least, tick_drawdown([just_opened]).unseen) == (False, 0)


def test_nothing_recorded_is_no_drawdown() -> None:
    assert tick_drawdown([]).amount == 0


@given(st.lists(st.tuples(st.integers(-300, 300), st.integers(0, 200), st.integers(0, 200)), max_size=20))
def test_positions_in_a_row_equal_a_walk_through_their_lows(trades: list[tuple[int, int, int]]) -> None:
    courses, booked, peak, deepest = [], 0, 0, 0
    for number, (pnl, beyond, length) in enumerate(trades):
        lowest = min(pnl, 0) - beyond
        deepest = max(deepest, peak - (booked + lowest))
        booked += pnl
        peak = max(peak, booked)
        span = (number * 1000, number * 1000 + length)
        courses.append(course(number, [leg(1, span, str(lowest))], str(pnl), span[1]))

    assert tick_drawdown(courses).amount == deepest


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 11, 20, 22, 59, 59, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 20, 23, 0, tzinfo=UTC), date(2026, 11, 21)),
        (datetime(2026, 7, 1, 22, 0, tzinfo=UTC), date(2026, 7, 2)),
    ],
)
def test_the_trading_day_begins_at_six_in_the_evening_in_new_york(moment: datetime, day: date) -> None:
    assert trading_day(moment) == day
    assert trading_day_start(day) <= moment


def test_a_trading_day_starts_where_the_one_before_ends() -> None:
    start = trading_day_start(date(2026, 11, 2))

    assert start.astimezone(UTC) == datetime(2026, 11, 1, 23, 0, tzinfo=UTC)
    assert trading_day(start) == date(2026, 11, 2)
