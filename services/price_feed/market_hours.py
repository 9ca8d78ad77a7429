"""When a contract's market is open: windows of each trading day in New York time, less its exchange's holidays.

Only as exact as a watchdog needs it: a halt that is not planned is taken for a silent feed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo

from shared.domain.contracts import Contract
from shared.domain.timestamps import from_datetime, to_datetime

Calendar = Literal["cme", "nyse"]
Window = tuple[int, int]  # minutes since midnight of the trading day in New York; before midnight: the evening before

NEW_YORK = ZoneInfo("America/New_York")
WEEKDAYS = frozenset(range(5))
ALL_DAYS = frozenset(range(7))
HALF_DAY_ENDS = 13 * 60
NO_SESSION = -24 * 60  # before any window begins
CLOSED_ALL_DAY = ("New Year's Day", "Good Friday", "Christmas Day")  # on its other holidays CME halts at 13:00
LONGEST_LOOK = timedelta(days=366)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketHours:
    """The windows of a trading day, and on which days there are any."""

    windows: tuple[Window, ...]
    days: frozenset[int] = WEEKDAYS
    calendar: Calendar | None = None

    def is_open(self, at: int) -> bool:
        """Whether the market is open at a moment (ns, UTC)."""
        return self.open_time(at, at + 1) > 0

    def open_time(self, since: int, until: int) -> int:
        """Return for how many of the nanoseconds between two moments it was open; at most a year back."""
        first = max(to_datetime(since), to_datetime(until) - LONGEST_LOOK).astimezone(NEW_YORK).date()
        last = to_datetime(until).astimezone(NEW_YORK).date() + timedelta(days=1)
        days = (first + timedelta(days=number) for number in range((last - first).days + 1))
        stretches = (stretch for day in days for stretch in self._stretches(day))
        return sum(max(0, min(until, end) - max(since, begin)) for begin, end in stretches)

    def _stretches(self, day: date) -> Iterator[tuple[int, int]]:
        ends = _day_ends(self.calendar, day) if day.weekday() in self.days else NO_SESSION
        for begin, end in self.windows:
            if begin < ends:
                yield _moment(day, begin), _moment(day, min(end, ends))


ALWAYS = MarketHours(windows=((0, 24 * 60),), days=ALL_DAYS)
CURRENCIES = MarketHours(windows=((-7 * 60, 17 * 60),))
GLOBEX = MarketHours(windows=((-6 * 60, 17 * 60),), calendar="cme")
GRAINS = MarketHours(windows=((-4 * 60, 8 * 60 + 45), (9 * 60 + 30, 14 * 60 + 20)), calendar="cme")
LIVESTOCK = MarketHours(windows=((9 * 60 + 30, 14 * 60 + 5),), calendar="cme")
STOCKS = MarketHours(windows=((9 * 60 + 30, 16 * 60),), calendar="nyse")

OF_ROOT = {
    **dict.fromkeys(("ZC", "ZS", "ZW", "ZM", "ZL"), GRAINS),
    **dict.fromkeys(("LE", "HE", "GF"), LIVESTOCK),
    "DX": MarketHours(windows=((-4 * 60, 17 * 60),), calendar="nyse"),
    "KC": MarketHours(windows=((4 * 60 + 15, 13 * 60 + 30),), calendar="nyse"),
    "CC": MarketHours(windows=((4 * 60 + 45, 13 * 60 + 30),), calendar="nyse"),
    "SB": MarketHours(windows=((3 * 60 + 30, 13 * 60),), calendar="nyse"),
    "CT": MarketHours(windows=((-3 * 60, 14 * 60 + 20),), calendar="nyse"),
}
STOCK_EXCHANGES = frozenset({"NASDAQ", "NYSE", "AMEX", "ARCA", "BATS", "CBOE"})
CURRENCY_EXCHANGES = frozenset({"FX", "FX_IDC", "FOREXCOM", "OANDA", "ICMARKETS", "PEPPERSTONE", "SAXO"})


def hours_of(contract: Contract) -> MarketHours:
    """Choose the hours of a contract: by its root, else by its exchange; what is spot and unknown trades always."""
    if contract.kind == "future":
        return OF_ROOT.get(contract.root, GLOBEX)
    exchange = contract.exchange.upper()
    if exchange in STOCK_EXCHANGES:
        return STOCKS
    return CURRENCIES if exchange in CURRENCY_EXCHANGES else ALWAYS


def _day_ends(calendar: Calendar | None, day: date) -> int:
    """Return the minute of a trading day at which it ends, NO_SESSION if it does not take place."""
    name = "" if calendar is None else _holidays(calendar, day.year).get(day, "")
    if not name:
        return 24 * 60
    return HALF_DAY_ENDS if name == _HALF else NO_SESSION


_HALF = "half"


@cache
def _holidays(calendar: Calendar, year: int) -> dict[date, str]:
    """The holidays of a year: `half` where trading ends early, else their names."""
    from holidays import financial_holidays  # noqa: PLC0415 - takes 0.3 s and 18 MB, which only live feeds need

    market = "XCME" if calendar == "cme" else "XNYS"
    public = financial_holidays(market, years=year, categories=("public",))
    half = financial_holidays(market, years=year, categories=("half_day",))
    short = {day for day, name in public.items() if calendar == "cme" and not name.startswith(CLOSED_ALL_DAY)}
    return {**{day: name for day, name in public.items() if day not in short}, **dict.fromkeys([*half, *short], _HALF)}


def _moment(day: date, minute: int) -> int:
    """Return the moment (ns) of a minute of a trading day, by the clock on the wall."""
    days, of_day = divmod(minute, 24 * 60)
    wall = datetime.combine(day + timedelta(days=days), time(of_day // 60, of_day % 60), tzinfo=NEW_YORK)
    return from_datetime(wall)
