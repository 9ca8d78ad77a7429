from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.domain.refusals import ValueRefused
from shared.domain.timestamps import (
    format_timestamp,
    from_datetime,
    parse_timestamp,
    parse_timestamp_as_written,
    parse_webhook_time,
    to_datetime,
)

# 2025-12-05T09:30:00Z, from `date -u -d 2025-12-05T09:30:00 +%s`
SECONDS = 1_764_927_000
NS = SECONDS * 10**9


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2025-12-05T09:30:00Z", NS),
        ("2025-12-05 09:30", NS),
        ("2025-12-05T09:30:00", NS),
        ("2025-12-05t09:30:00z", NS),
        ("2025-12-05 09:30:00 UTC", NS),
        (" 2025-12-05T09:30Z\n", NS),
        ("2025-12-05T04:30:00-05:00", NS),
        ("2025-12-05T15:00:00+0530", NS),
        ("2025-12-05T10:30:00+01", NS),
        ("2025-12-05T09:30:00.5Z", NS + 500_000_000),
        ("2025-12-05T09:30:00.123456789Z", NS + 123_456_789),
        ("2025-12-05T09:30:00.000000001+00:00", NS + 1),
        (str(NS + 7), NS + 7),
        ("0", 0),
        (str(SECONDS), SECONDS),
    ],
)
def test_a_time_in_a_file_reads_to_the_nanosecond(text: str, ns: int) -> None:
    assert parse_timestamp(text) == ns


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        (str(SECONDS), NS),
        (f"{SECONDS}250", NS + 250_000_000),
        (f"{SECONDS}250001", NS + 250_001_000),
        (f"{SECONDS}250001002", NS + 250_001_002),
        (f"{SECONDS}.792768", NS + 792_768_000),
        (f"{SECONDS}000.5", NS + 500_000),
        ("9223372036", 9_223_372_036 * 10**9),
        ("100000000000", 100_000_000_000 * 10**6),
        ("2025-12-05T09:30:00Z", NS),
    ],
)
def test_the_unit_of_a_unix_time_follows_from_its_magnitude(text: str, ns: int) -> None:
    assert parse_webhook_time(text) == ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2025-12-05",
        "2025-13-05T09:30:00Z",
        "2025-02-29T09:30:00Z",
        "2025-12-05T24:30:00Z",
        "2025-12-05T09:30:61Z",
        "2025-12-05T09:30:00.1234567890Z",
        "2025-12-05T09:30:00.Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "-5",
        "1e18",
        "٢٠٢٥",  # digits of another script
        "9" * 5000,
        "9223372036854775808",
        "2262-04-12T00:00:00Z",
    ],
)
@pytest.mark.parametrize("parse", [parse_timestamp, parse_webhook_time])
def test_what_is_not_a_time_is_refused(parse: Callable[[str], int], text: str) -> None:
    with pytest.raises(ValueRefused, match="is not a time"):
        parse(text)


@pytest.mark.parametrize("text", ["99999999999", "99999999999999", "99999999999999999"])
def test_a_unix_time_far_beyond_its_unit_is_not_taken_for_the_next_finer_one(text: str) -> None:
    with pytest.raises(ValueRefused):
        parse_webhook_time(text)


def test_an_unfilled_placeholder_is_called_by_its_name() -> None:
    with pytest.raises(ValueRefused, match=r"^unresolved placeholder \{\{timenow\}\}$"):
        parse_webhook_time("{{timenow}}")


@pytest.mark.parametrize(
    ("digits", "text"),
    [
        (0, "2025-12-05T09:30:00Z"),
        (1, "2025-12-05T09:30:00.0Z"),
        (3, "2025-12-05T09:30:00.023Z"),
        (9, "2025-12-05T09:30:00.023456789Z"),
    ],
)
def test_a_time_is_written_with_the_decimals_asked_for_and_cut_not_rounded(digits: int, text: str) -> None:
    assert format_timestamp(NS + 23_456_789, digits) == text


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("2025-12-05 09:30", 0),
        ("2025-12-05T09:30:00Z", 0),
        ("2025-12-05T09:30:00.120Z", 3),
        ("2025-12-05T09:30:00.1+01:00", 1),
        ("2025-12-05T09:30:00.123456789Z", 9),
        (f" {NS} ", 9),
    ],
)
def test_the_decimals_of_an_input_are_counted_as_written(text: str, digits: int) -> None:
    assert parse_timestamp_as_written(text)[1] == digits


def test_datetimes_convert_exactly_and_are_cut_to_microseconds() -> None:
    moment = datetime(2025, 12, 5, 9, 30, 0, 123456, tzinfo=UTC)

    assert to_datetime(NS + 123_456_789) == moment
    assert from_datetime(moment) == NS + 123_456_000
    assert from_datetime(moment.astimezone(timezone(timedelta(hours=-5)))) == NS + 123_456_000
