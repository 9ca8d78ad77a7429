"""When an equal body is the same signal sent again, and not another one that looks like it."""

from hashlib import blake2b

from shared.domain.recorder_settings import RecorderSettings
from shared.domain.signals import Signal

RESENT_WITHIN_SECONDS = 60
FINGERPRINT_BYTES = 16


def duplicate_window_seconds(signal: Signal, settings: RecorderSettings) -> int:
    """For how long after it a byte-identical body is the same signal; 0: never.

    A time or an id tells one alert from the next, so that equal ones are the same, sent again. Without either,
    two real fills can look alike, and only the recorder can say that they do not.
    """
    identified = signal.occurred_at is not None or signal.alert_id is not None
    return max(RESENT_WITHIN_SECONDS if identified else 0, settings.duplicate_window_seconds)


def fingerprint(body: bytes) -> bytes:
    """What stands for a body where equal ones are looked for: 16 bytes."""
    return blake2b(body, digest_size=FINGERPRINT_BYTES).digest()
