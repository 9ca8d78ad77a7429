"""Open markets, in New York's time on the wall."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from services.price_feed.market_hours import ALWAYS, CURRENCIES, GLOBEX, GRAINS, STOCKS, MarketHours, hours_of
from shared.contracts_file import packaged_contracts
from shared.domain.timestamps import from_datetime

NEW_YORK = ZoneInfo("America/New_York")
NS_PER_HOUR = 3600 * 10**9


def at(wall: str) -> int:
    return from_datetime(datetime.fromisoformat(wall).replace(tzinfo=NEW_YORK))


@pytest.mark.parametrize(
    ("hours", "wall", "is_open"),
    [
        (GLOBEX, "2026-11-18 16:59:59", True),  # a Wednesday
        (GLOBEX, "2026-11-18 17:00:00", False),
        (GLOBEX, "2026-11-18 17:59:59", False),
        (GLOBEX, "2026-11-18 18:00:00", True),
        (GLOBEX, "2026-11-20 17:00:00", False),  # Friday: the weekend
        (GLOBEX, "2026-11-20 18:30:00", False),
        (GLOBEX, "2026-11-21 12:00:00", False),
        (GLOBEX, "2026-11-22 17:59:00", False),
        (GLOBEX, "2026-11-22 18:00:00", True),  # Sunday evening
        (GLOBEX, "2026-11-26 12:59:00", True),  # Thanksgiving: halts at 13:00, goes on in the evening
        (GLOBEX, "2026-11-26 13:00:00", False),
        (GLOBEX, "2026-11-26 18:00:00", True),
        (GLOBEX, "2026-11-27 13:00:00", False),  # the day after: short
        (GLOBEX, "2026-01-19 13:30:00", False),  # Martin Luther King day
        (GLOBEX, "2026-12-24 18:30:00", False),  # the eve belongs to Christmas
        (GLOBEX, "2026-12-25 12:00:00", False),
        (GLOBEX, "2026-12-31 16:00:00", True),
        (GLOBEX, "2026-12-31 18:30:00", False),
        (GLOBEX, "2026-04-03 10:00:00", False),  # Good Friday
        (GLOBEX, "2026-04-02 18:30:00", False),
        (GLOBEX, "2026-04-05 18:00:00", True),
        (GRAINS, "2026-11-18 09:00:00", False),
        (GRAINS, "2026-11-18 09:30:00", True),
        (GRAINS, "2026-11-18 20:00:00", True),
        (CURRENCIES, "2026-11-20 17:00:00", False),
        (CURRENCIES, "2026-11-22 17:00:00", True),
        (CURRENCIES, "2026-11-18 17:30:00", True),
        (STOCKS, "2026-11-18 09:29:00", False),
        (STOCKS, "2026-11-18 15:59:00", True),
        (STOCKS, "2026-11-26 12:00:00", False),
        (STOCKS, "2026-11-27 12:59:00", True),
        (STOCKS, "2026-11-27 13:00:00", False),
        (ALWAYS, "2026-12-25 03:00:00", True),
        (ALWAYS, "2026-11-21 12:00:00", True),
    ],
)
def test_a_market_is_open_or_closed(hours: MarketHours, wall: str, *, is_open: bool) -> None:
    assert hours.is_open(at(wall)) is is_open


@pytest.mark.parametrize(
    ("since", "until", "hours"),
    [
        ("2026-11-18 16:00", "2026-11-18 19:00", 2),  # across the daily break
        ("2026-11-20 16:00", "2026-11-22 19:00", 2),  # across the weekend
        ("2026-11-21 10:00", "2026-11-22 12:00", 0),
        ("2026-10-31 12:00", "2026-11-02 00:00", 6),  # clocks went back on Sunday morning
        ("2026-12-24 12:00", "2026-12-27 19:00", 2),
        ("2026-11-16 00:00", "2026-11-21 00:00", 4 * 23 + 17),  # from Monday's midnight
    ],
)
def test_only_open_hours_count(since: str, until: str, hours: float) -> None:
    assert GLOBEX.open_time(at(since), at(until)) == hours * NS_PER_HOUR


def test_a_market_that_never_closes_counts_every_nanosecond() -> None:
    assert ALWAYS.open_time(at("2026-11-21 10:00"), at("2026-11-23 10:00") + 7) == 48 * NS_PER_HOUR + 7


def test_contracts_know_their_hours() -> None:
    contracts = packaged_contracts()
    assert hours_of(contracts["MNQ"]) is GLOBEX
    assert hours_of(contracts["ZC"]) is GRAINS
    assert hours_of(contracts["BTCUSD"]) is ALWAYS
