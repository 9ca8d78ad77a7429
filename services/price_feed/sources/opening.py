"""Which source the settings ask for, opened in two steps: checked at once, begun when the feed may publish."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal

from services.price_feed.sources import Source
from services.price_feed.sources.paced import PacedSource
from services.price_feed.sources.replay import replayed_messages
from services.price_feed.sources.simulated import simulated_quotes
from shared.settings import Settings, SettingsError

SourceOpener = Callable[[Mapping[str, Decimal]], Source]


def source_opener(settings: Settings) -> SourceOpener:
    """Check what the source needs; the result begins it, given each symbol's last price in the log.

    Raises TicksFileError if the file is damaged anywhere, so that it is never half played, and SettingsError.
    """
    speed = settings.feed_speed
    if settings.feed == "simulated":
        return lambda last_prices: PacedSource(simulated_quotes(time.time_ns(), last_prices), speed=speed)
    path = settings.feed_ticks
    if settings.feed != "replay" or path is None:
        message = f"FEED is {settings.feed!r}: there is no such source of prices, or FEED_TICKS is missing."
        raise SettingsError(message)
    deque(replayed_messages(path), maxlen=0)
    return lambda _: PacedSource(replayed_messages(path), speed=speed)
