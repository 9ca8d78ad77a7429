"""What a trader should know about an alert that was tried, beyond what it does."""

from services.web.alert_trial import Tried
from shared.domain.duplicates import duplicate_window_seconds
from shared.domain.numbers import shown
from shared.domain.recorder_settings import RecorderSettings
from shared.domain.signals import unread_keys

NO_TIME = (
    "It carries neither a time nor an id, so it would be recorded twice if TradingView sends it again:"
    ' add "time": "{{timenow}}".'
)


def warnings_about(tried: Tried, settings: RecorderSettings) -> list[str]:
    """List the warnings, none for a body that is no signal."""
    if tried.rehearsal.acceptance is None:
        return []
    warnings = []
    if duplicate_window_seconds(tried.rehearsal.acceptance.signal, settings) == 0:
        warnings.append(NO_TIME)
    unread = unread_keys(tried.body)
    if unread:
        warnings.append(f"The recorder does not read {', '.join(map(shown, unread))}.")
    return warnings
