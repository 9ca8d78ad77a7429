"""When the session ends that a position was opened in; what time it is now is not known here."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shared.domain.exit_rules import SessionEndRule
from shared.domain.timestamps import from_datetime, to_datetime


def first_cut_off(rule: SessionEndRule, opened_at: int) -> int:
    """Return the first moment after `opened_at` (ns, UTC) at which the rule's clock shows its time (ns, UTC).

    A time that a change of the clocks skips is the moment at which the old clock would have shown it; of one that comes
    twice the first counts.
    """
    zone = ZoneInfo(rule.timezone)
    eve = to_datetime(opened_at).astimezone(zone).date() - timedelta(days=1)
    moments = (datetime.combine(eve + timedelta(days=days), rule.clock, tzinfo=zone) for days in range(4))
    return min(moment for moment in map(from_datetime, moments) if moment > opened_at)
