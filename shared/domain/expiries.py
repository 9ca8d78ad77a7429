"""The days on which dated futures end, or must be left before delivery begins; weekends and holidays as in New York.

The rules are the exchanges'. What is not in them: one-off closings, and months that an exchange lists by exception.
"""

from datetime import date, timedelta

from holidays import financial_holidays

WEDNESDAY, FRIDAY = 2, 4
CALENDAR = financial_holidays("NYSE")


def business_days_before(day: date, count: int) -> date:
    """Count back business days; 0 is the day itself, or the last one before it if it is none."""
    latest = day if CALENDAR.is_working_day(day) else CALENDAR.get_nth_working_day(day, -1)
    return CALENDAR.get_nth_working_day(latest, -count) if count else latest


def nth_weekday(year: int, month: int, weekday: int, nth: int) -> date:
    """Find, for example, the third Friday of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def last_business_day_before(year: int, month: int) -> date:
    """Find the last business day before a month begins: the first notice day of metals, rates and grains."""
    return business_days_before(date(year, month, 1) - timedelta(days=1), 0)


def third_friday(year: int, month: int) -> date:
    """Find the day on which stock index futures are settled."""
    return nth_weekday(year, month, FRIDAY, 3)


def second_friday(year: int, month: int) -> date:
    """Find the day on which Nikkei futures are settled."""
    return nth_weekday(year, month, FRIDAY, 2)


def third_wednesday(year: int, month: int) -> date:
    """Find the day on which currencies are delivered."""
    return nth_weekday(year, month, WEDNESDAY, 3)


def last_friday(year: int, month: int) -> date:
    """Find the last trading day of futures on coins."""
    following = date(year + month // 12, month % 12 + 1, 1)
    last = following - timedelta(days=1)
    return business_days_before(last - timedelta(days=(last.weekday() - FRIDAY) % 7), 0)


def crude_last_trading_day(year: int, month: int) -> date:
    """Find the third business day before the 25th of the month before delivery."""
    before = date(year, month, 1) - timedelta(days=1)
    return business_days_before(before.replace(day=25), 3)


def gas_last_trading_day(year: int, month: int) -> date:
    """Find the third last business day of the month before delivery."""
    return business_days_before(last_business_day_before(year, month), 2)


def delivery_month(year: int, month: int) -> date:
    """Find the first day of the month of delivery, for contracts that are left well before it."""
    return date(year, month, 1)
