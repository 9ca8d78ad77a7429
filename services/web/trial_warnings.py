"""What a trader should know about an alert that was tried, beyond what it does."""

from shared.domain.duplicates import duplicate_window_seconds
from shared.domain.recorder_settings import RecorderSettings
from shared.domain.rehearsal import Rehearsal

NO_TIME = (
    "It carries neither a time nor an id, so it would be recorded twice if TradingView sends it again:"
    ' add "time": "{{timenow}}".'
)


def warnings_about(rehearsal: Rehearsal, settings: RecorderSettings) -> list[str]:
    """List the warnings, none for a body that is no signal."""
    if rehearsal.acceptance is None:
        return []
    warnings = []
    if duplicate_window_seconds(rehearsal.acceptance.signal, settings) == 0:
        warnings.append(NO_TIME)
    return warnings
