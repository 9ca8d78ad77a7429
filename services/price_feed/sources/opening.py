"""Which source the settings ask for, opened in two steps: checked at once, begun when the feed may publish."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal

from services.price_feed.sources import Source
from services.price_feed.sources.paced import PacedSource
from services.price_feed.sources.replay import replayed_messages
from services.price_feed.sources.simulated import simulated_quotes
from services.price_feed.sources.venue_source import FeedRules, VenueSource, Wanted
from services.price_feed.sources.watchdog import Patience
from shared.domain.ticks import PriceTick
from shared.settings import Settings

SourceOpener = Callable[[Mapping[str, PriceTick]], Source]


def source_opener(settings: Settings, wanted: Wanted) -> SourceOpener:
    """Check what the source needs; the result begins it, given each symbol's last tick in the log.

    A live source follows what `wanted` says. Raises TicksFileError if the file is damaged anywhere, so that it is never
    half played, and SettingsError.
    """
    speed, path = settings.feed_speed, settings.feed_ticks
    if settings.feed == "simulated":
        return lambda last_ticks: PacedSource(simulated_quotes(time.time_ns(), _prices(last_ticks)), speed=speed)
    if settings.feed == "replay" and path is not None:
        deque(replayed_messages(path), maxlen=0)
        return lambda _: PacedSource(replayed_messages(path), speed=speed)
    from services.price_feed.sources.venues import open_venues  # noqa: PLC0415 - loads calendars, for live feeds only

    venues = open_venues(settings)
    patience = Patience(seconds=settings.feed_stale_seconds, of_symbols=settings.feed_stale_seconds_of)
    rules = FeedRules(jump_percent=settings.feed_jump_percent, patience=patience)
    return lambda last_ticks: VenueSource(venues, wanted, last_ticks=last_ticks, rules=rules)


def _prices(ticks: Mapping[str, PriceTick]) -> dict[str, Decimal]:
    return {symbol: tick.price for symbol, tick in ticks.items()}
