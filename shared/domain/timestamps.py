"""Points in time as integers: nanoseconds since the epoch, UTC; it never asks what time it is."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from shared.domain.numbers import refuse_placeholder, shown
from shared.domain.refusals import ValueRefused

NS_PER_SECOND = 1_000_000_000
NS_PER_MS = 1_000_000
NS_PER_US = 1_000
NS_DIGITS = 9
SECONDS_A_MINUTE = 60
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TO_THE_SECOND = len("1970-01-01T00:00:00")
END = 1 << 63  # what a signed 64-bit integer holds: until the year 2262

ISO = re.compile(
    r"(?P<minute>[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?P<zone> ?(?:Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?))?",
    re.IGNORECASE,
)
INTEGER = re.compile(r"[0-9]{1,19}")
UNIX = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,9})[0-9]*)?")
# Digits of an integer -> its unit in ns: seconds, milliseconds, microseconds or nanoseconds of our century.
UNITS = ((11, NS_PER_SECOND), (14, NS_PER_MS), (17, NS_PER_US), (19, 1))


def parse_timestamp(text: str) -> int:
    """Read ISO-8601 (naive is UTC, up to nine decimals) or digits as nanoseconds; raises ValueRefused."""
    return parse_timestamp_as_written(text)[0]


def parse_timestamp_as_written(text: str) -> tuple[int, int]:
    """Read what `parse_timestamp` reads, with the decimals of the seconds as written; an integer has nine."""
    stripped = text.strip()
    ns, digits = (int(stripped), NS_DIGITS) if INTEGER.fullmatch(stripped) else _parse_iso(text, stripped)
    return _in_range(text, ns), digits


def parse_webhook_time(text: str) -> int:
    """Read ISO-8601 or a Unix time in s, ms, us or ns by its magnitude; raises ValueRefused."""
    stripped = text.strip()
    unix = UNIX.fullmatch(stripped)
    return _in_range(text, _unix_ns(unix[1], unix[2] or "") if unix else _parse_iso(text, stripped)[0])


def format_timestamp(ns: int, digits: int) -> str:
    """Write ISO-8601 in UTC ending in Z with `digits` decimals, cut off, none for 0."""
    seconds, fraction = divmod(ns, NS_PER_SECOND)
    text = (EPOCH + timedelta(seconds=seconds)).isoformat()[:_TO_THE_SECOND]
    decimals = f".{fraction:09d}"[: digits + 1] if digits else ""
    return f"{text}{decimals}Z"


@lru_cache(maxsize=1024)  # one tick closes thousands of positions, and is the extreme of as many
def to_datetime(ns: int) -> datetime:
    """Convert to an aware datetime in UTC, cut to microseconds."""
    return EPOCH + timedelta(microseconds=ns // NS_PER_US)


def from_datetime(moment: datetime) -> int:
    """Convert an aware datetime exactly."""
    return (moment - EPOCH) // _MICROSECOND * NS_PER_US


def _parse_iso(text: str, stripped: str) -> tuple[int, int]:
    iso = ISO.fullmatch(stripped)
    if not iso:
        raise _not_a_time(text)
    minute, second, fraction, zone = iso.groups("")
    try:
        ns = _minute_ns(minute, zone) + _second_ns(second)
    except ValueError as error:
        raise _not_a_time(text) from error
    return ns + int(fraction.ljust(NS_DIGITS, "0")), len(fraction)


@lru_cache(maxsize=64)  # a file of ticks names each minute many times
def _minute_ns(minute: str, zone: str) -> int:
    return from_datetime(datetime.fromisoformat(f"{minute}:00+00:00")) - _offset_seconds(zone) * NS_PER_SECOND


def _second_ns(second: str) -> int:
    number = int(second or "0")
    if number >= SECONDS_A_MINUTE:
        raise ValueError(second)
    return number * NS_PER_SECOND


def _offset_seconds(zone: str) -> int:
    digits = zone.strip().replace(":", "")
    if not digits or digits.upper() in ("Z", "UTC"):
        return 0
    minutes = int(digits[1:3]) * 60 + int(digits[3:] or "0")
    return minutes * 60 * (-1 if digits[0] == "-" else 1)


def _unix_ns(integer: str, fraction: str) -> int:
    unit = next(unit for digits, unit in UNITS if len(integer.lstrip("0")) <= digits)
    return int(integer) * unit + int(fraction.ljust(NS_DIGITS, "0")) * unit // NS_PER_SECOND


def _in_range(text: str, ns: int) -> int:
    if not 0 <= ns < END:
        raise _not_a_time(text)
    return ns


def _not_a_time(text: str) -> ValueRefused:
    refuse_placeholder(text)
    return ValueRefused(f"{shown(text)!r} is not a time")
