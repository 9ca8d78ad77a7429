"""The price feed's loop: hold the source's lease, take what the source says, bring it into the tick log."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from services.price_feed.delivery import Delivery
from services.price_feed.sources import Source
from services.price_feed.sources.opening import SourceOpener, source_opener
from services.price_feed.wanted import WantedSymbols
from shared.bus.backoff import Backoff
from shared.bus.connection import BusError, RedisClient, connect_redis
from shared.bus.heartbeat import Facts, Heartbeat, instance_name
from shared.bus.publisher import FencedPublisher, SourceLease, TickPublisher
from shared.bus.tick_log import read_heads
from shared.domain.quotes import SourceMessage
from shared.logs import log_event
from shared.settings import Settings

LONGEST_WAIT_SECONDS = 0.25
LIVE = "live"

logger = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Feed until SIGTERM or SIGINT.

    Before anything is published: raises TicksFileError if the file is damaged, SettingsError if a symbol is unknown.
    """
    wanted = WantedSymbols(settings)
    open_source = source_opener(settings, wanted.current)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    client = connect_redis(settings.redis_url, retries=False)
    if settings.live_feeds:
        threading.Thread(target=wanted.keep_up, args=(stopping,), name="wanted", daemon=True).start()
    Feed(client, settings, open_source, is_stopping=stopping.is_set).run()
    return 0


class Feed:
    """One source's way into the tick log: its publisher while we hold its lease, a standby while another does."""

    def __init__(
        self,
        client: RedisClient,
        settings: Settings,
        open_source: SourceOpener,
        *,
        is_stopping: Callable[[], bool],
        instance: str | None = None,
    ) -> None:
        self._redis = client
        self._settings = settings
        self._open_source = open_source
        self._is_stopping = is_stopping
        # Live venues share symbols: whoever publishes one of them must be the only one to publish any.
        self._publisher_name = LIVE if settings.live_feeds else settings.feed
        self._lease = SourceLease(client, self._publisher_name, instance or instance_name())
        self._heartbeat = Heartbeat(client, "price_feed")
        self._backoff = Backoff()
        self._source: Source | None = None
        self._state = "standby"
        self._messages = 0
        self._last_at: int | None = None

    def run(self) -> None:
        """Publish whenever the lease can be had, until told to stop."""
        while not self._is_stopping():
            epoch = self._claim()
            if epoch is not None:
                self._publish_until_fenced(epoch)
        self._heartbeat.stop()

    def _claim(self) -> int | None:
        try:
            epoch = self._lease.claim()
            if epoch is None:
                self._state = "standby"
                self._heartbeat.beat_if_due(self._facts)
                time.sleep(LONGEST_WAIT_SECONDS)
        except BusError as error:
            self._interrupted(error)
            return None
        return epoch

    def _publish_until_fenced(self, epoch: int) -> None:
        log_event(logger, "feed_started", source=self._settings.feed, epoch=epoch)
        retention = self._settings.tick_retention_seconds
        publisher = TickPublisher(self._redis, source=self._publisher_name, epoch=epoch, retention_seconds=retention)
        delivery = Delivery(self._redis, publisher)
        try:
            while not self._is_stopping():
                self._try_step(epoch, delivery)
        except FencedPublisher:
            log_event(logger, "feed_fenced", level=logging.WARNING, source=self._settings.feed, epoch=epoch)
        else:
            with suppress(BusError):
                self._lease.release(epoch)
        finally:
            self._close_source()

    def _try_step(self, epoch: int, delivery: Delivery) -> None:
        try:
            self._step(epoch, delivery)
            self._backoff.reset()
        except BusError as error:
            delivery.fail()
            self._interrupted(error)

    def _step(self, epoch: int, delivery: Delivery) -> None:
        source = self._source = self._source or self._open()
        self._state = "ended" if source.ended else "live"
        if self._heartbeat.beat_if_due(self._facts):
            self._lease.renew(epoch)
        if delivery.is_waiting:
            delivery.finish()
            return
        batch = source.next_batch(LONGEST_WAIT_SECONDS)
        if batch:
            self._count(batch)
            delivery.deliver(batch)

    def _open(self) -> Source:
        return self._open_source(read_heads(self._redis))

    def _close_source(self) -> None:
        """Forget the source too: what others publish meanwhile, it would not know."""
        if self._source is not None:
            self._source.close()
            self._source = None

    def _count(self, batch: list[SourceMessage]) -> None:
        self._messages += len(batch)
        self._last_at = batch[-1].occurred_at

    def _interrupted(self, error: BusError) -> None:
        """Leave Redis alone for a while; what the source has is due when it is back."""
        log_event(logger, "feed_interrupted", level=logging.WARNING, reason=str(error))
        if self._source is not None:
            self._source.resume()
        self._state = "interrupted"
        self._backoff.failed()
        self._backoff.sleep(LONGEST_WAIT_SECONDS)

    def _facts(self) -> Facts:
        return {
            "source": self._settings.feed,
            "state": self._state,
            "messages": self._messages,
            "last_message_at": self._last_at,
            **({} if self._source is None else self._source.status()),
        }
