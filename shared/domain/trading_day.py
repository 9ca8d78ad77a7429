"""Where one trading day ends and the next begins; what time it is now is not known here."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

STARTS_AT = time(18, 0)
ZONE = ZoneInfo("America/New_York")


def trading_day(moment: datetime) -> date:
    """Name the trading day of an aware moment: what happens from 18:00 in New York on belongs to the next date."""
    local = moment.astimezone(ZONE)
    return local.date() + timedelta(days=1) if local.time() >= STARTS_AT else local.date()


def trading_day_start(day: date) -> datetime:
    """Find the moment at which a trading day starts: 18:00 in New York on the eve of its date."""
    return datetime.combine(day - timedelta(days=1), STARTS_AT, tzinfo=ZONE)
