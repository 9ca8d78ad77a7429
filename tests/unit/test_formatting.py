# ruff: noqa: RUF001 - true minus signs and dashes are what these tests are about

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.web.formatting import (
    Cell,
    drawdown_cell,
    format_between,
    format_duration,
    format_mean_price,
    format_money,
    format_number,
    format_percent,
    format_price,
    format_ratio,
    format_result,
    format_time,
    result_cell,
    time_element,
)

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("1234.5", "USD", "+$1,234.50"),
        ("-22", "USD", "−$22.00"),
        ("0", "USD", "$0.00"),
        ("-0.00", "USD", "$0.00"),
        ("1234567.891", "USD", "+$1,234,567.89"),
        ("0.005", "USD", "+$0.0050"),
        ("-0.00012", "USD", "−$0.00012"),
        ("0.0000000019", "USD", "+$0.0000000019"),
        ("0.015", "USD", "+$0.02"),
        ("0.025", "USD", "+$0.02"),
        ("999.995", "USD", "+$1,000.00"),
        ("-10.5", "EUR", "−€10.50"),
        ("10.5", "GBP", "+£10.50"),
        ("-10.5", "CHF", "−10.50\N{NO-BREAK SPACE}CHF"),
        ("1E+3", "USD", "+$1,000.00"),
    ],
)
def test_a_result_is_written_to_the_cent_with_a_true_sign(amount: str, currency: str, text: str) -> None:
    assert format_result(Decimal(amount), currency) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12))
def test_a_result_in_cents_reads_back_as_itself(amount: Decimal) -> None:
    text = format_result(amount).replace("−", "-").replace("$", "").replace(",", "")

    assert Decimal(text) == amount
    assert text.startswith("+") == (amount > 0)


def test_money_has_no_plus_sign() -> None:
    assert format_money(Decimal(22)) == "$22.00"


@pytest.mark.parametrize(("amount", "tone"), [("0.01", "profit"), ("-0.01", "loss"), ("0", "zero"), ("-0", "zero")])
def test_a_result_has_the_tone_of_its_sign(amount: str, tone: str) -> None:
    assert result_cell(Decimal(amount)).tone == tone


def test_an_undefined_result_is_a_dash_with_its_reason() -> None:
    assert result_cell(None, reason="no tick yet") == Cell(text="–", reason="no tick yet")


@pytest.mark.parametrize(
    ("ticks_seen", "gap_seconds", "text", "reason"),
    [
        (12, "0", "$22.00", ""),
        (12, "51.25", "≥\N{NO-BREAK SPACE}$22.00", "51 s missed"),
        (0, "0", "≥\N{NO-BREAK SPACE}$22.00", "saw no tick"),
        (0, "0.005", "≥\N{NO-BREAK SPACE}$22.00", "5 ms missed"),
    ],
)
def test_a_drawdown_is_positive_and_says_what_it_missed(
    ticks_seen: int, gap_seconds: str, text: str, reason: str
) -> None:
    shown = drawdown_cell(Decimal(-22), ticks_seen=ticks_seen, gap_seconds=Decimal(gap_seconds))

    assert (shown.text, shown.reason, shown.tone) == (text, reason, "")


@pytest.mark.parametrize(
    ("price", "tick_size", "text"),
    [
        ("25600", "0.25", "25,600.00"),
        ("25600.5", "0.25", "25,600.50"),
        ("4080.1", "0.10", "4,080.1"),
        ("4080", "1", "4,080"),
        ("1.08505", "0.00005", "1.08505"),
        ("25600.123", "0.25", "25,600.123"),
        ("0.1", "0.25", "0.10"),
        ("-37.63", "0.01", "−37.63"),
        ("0", "0.01", "0.00"),
        ("1E+2", "0.25", "100.00"),
    ],
)
def test_a_price_has_the_decimals_of_its_tick_size_and_none_is_rounded_away(
    price: str, tick_size: str, text: str
) -> None:
    assert format_price(Decimal(price), Decimal(tick_size)) == text


def test_an_average_is_rounded_to_the_tick_sizes_decimals() -> None:
    assert format_mean_price(Decimal("21433.3333333333"), Decimal("0.25")) == "21,433.33"
    assert format_mean_price(Decimal(21400), Decimal("0.25")) == "21,400.00"


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        ("0.625", "62.5\N{NO-BREAK SPACE}%"),
        ("0", "0.0\N{NO-BREAK SPACE}%"),
        ("1", "100.0\N{NO-BREAK SPACE}%"),
        ("-0.0004", "0.0\N{NO-BREAK SPACE}%"),
        ("-0.05", "−5.0\N{NO-BREAK SPACE}%"),
    ],
)
def test_a_percentage_has_one_decimal(ratio: str, text: str) -> None:
    assert format_percent(Decimal(ratio)) == text


@pytest.mark.parametrize(("ratio", "text"), [("1.85", "1.85"), ("2", "2.00"), ("1234.567", "1,234.57"), ("0", "0.00")])
def test_a_ratio_has_two_decimals(ratio: str, text: str) -> None:
    assert format_ratio(Decimal(ratio)) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (1234567, "1,234,567"), (Decimal("-0.50"), "−0.5"), (Decimal("1E+4"), "10,000"), (Decimal("-0"), "0")],
)
def test_a_number_is_written_as_it_is(number: Decimal | int, text: str) -> None:
    assert format_number(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        ("0", "0 ms"),
        ("0.0002", "under 1 ms"),
        ("0.005", "5 ms"),
        ("0.9999", "999 ms"),
        ("1", "1 s"),
        ("1.57", "1.5 s"),
        ("9.99", "9.9 s"),
        ("10.9", "10 s"),
        ("51", "51 s"),
        ("59.999", "59 s"),
        ("60", "1 min"),
        ("252", "4 min 12 s"),
        ("3599.9", "59 min 59 s"),
        ("3600", "1 h"),
        ("7500", "2 h 5 min"),
        ("86399", "23 h 59 min"),
        ("86400", "1 d"),
        ("273600", "3 d 4 h"),
        ("-3", "0 ms"),
    ],
)
def test_a_duration_is_written_in_its_two_largest_units(seconds: str, text: str) -> None:
    assert format_duration(Decimal(seconds)) == text


def test_a_delay_is_signed_where_a_clock_ran_ahead_and_a_dash_where_a_time_is_missing() -> None:
    moment = datetime(2026, 11, 22, tzinfo=UTC)

    assert format_between(moment, moment + timedelta(milliseconds=730)) == "730 ms"
    assert format_between(moment, moment - timedelta(seconds=2)) == "−2 s"
    assert format_between(None, moment) == "–"
    assert format_between(moment, None) == "–"


def test_a_time_is_in_the_users_zone_on_both_sides_of_a_clock_change() -> None:
    assert format_time(datetime(2026, 11, 1, 5, 30, tzinfo=UTC), NEW_YORK) == "2026-11-01 01:30:00"
    assert format_time(datetime(2026, 11, 1, 7, 30, tzinfo=UTC), NEW_YORK) == "2026-11-01 02:30:00"


def test_a_time_element_carries_utc_to_the_microsecond() -> None:
    element = time_element(datetime(2026, 11, 22, 19, 5, 9, 120, tzinfo=UTC), NEW_YORK)

    assert 'datetime="2026-11-22T19:05:09.000120Z"' in element
    assert "14:05:09" in element
    assert time_element(None, NEW_YORK) == "–"
