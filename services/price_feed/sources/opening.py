"""Which source the settings ask for, opened in two steps: checked at once, begun when the feed may publish."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal

from services.price_feed.sources import Source
from services.price_feed.sources.paced import PacedSource
from services.price_feed.sources.replay import replayed_messages
from services.price_feed.sources.simulated import simulated_quotes
from services.price_feed.sources.subscriptions import FeedRules
from services.price_feed.sources.venue_source import VenueSource, Wanted
from services.price_feed.sources.watchdog import Patience
from shared.bus.tick_log import Heads
from shared.domain.ticks import PriceTick
from shared.settings import Settings

SourceOpener = Callable[[Heads], Source]


def source_opener(settings: Settings, wanted: Wanted) -> SourceOpener:
    """Check what the source needs; the result begins it, given the heads of the log.

    A live source follows what `wanted` says. Raises TicksFileError if the file is damaged anywhere, so that it is never
    half played, and SettingsError.
    """
    speed, path = settings.feed_speed, settings.feed_ticks
    if settings.feed == "simulated":
        return lambda heads: PacedSource(simulated_quotes(time.time_ns(), _prices(heads.ticks)), speed=speed)
    if settings.feed == "replay" and path is not None:
        deque(replayed_messages(path), maxlen=0)
        replayed = PacedSource(replayed_messages(path), speed=speed)
        return lambda _: replayed  # opened again, it goes on where it stood
    from services.price_feed.sources.venues import open_venues  # noqa: PLC0415 - loads calendars, for live feeds only

    venues = open_venues(settings)
    patience = Patience(seconds=settings.feed_stale_seconds, of_symbols=settings.feed_stale_seconds_of)
    rules = FeedRules(jump_percent=settings.feed_jump_percent, patience=patience)
    return lambda heads: VenueSource(venues, wanted, heads=heads, rules=rules)


def _prices(ticks: Mapping[str, PriceTick]) -> dict[str, Decimal]:
    return {symbol: tick.price for symbol, tick in ticks.items()}
