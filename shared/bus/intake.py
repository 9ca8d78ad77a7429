"""What accepting a signal asks of Redis, answered while somebody waits: soon, or not at all."""

import logging
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from redis import RedisError

from shared.bus.connection import connect_redis
from shared.bus.queues import connect_queue, wake_recorder_workers
from shared.bus.tick_log import HEADS, PLACE, read_heads
from shared.bus.waiting_bodies import WAITING, AlertBody, WaitingListFull, keep_waiting
from shared.domain.places import place_from_stream_id
from shared.logs import log_event

# TradingView waits three seconds, most of which Postgres may need.
TIMEOUT_SECONDS = 0.5
LEFT_ALONE_SECONDS = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Where in the tick log a signal was accepted, and the last price of its symbol; None: not known."""

    place: int | None = None
    market_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The end of the tick log, and whether bodies wait that came before."""

    place: int
    others_wait: bool


class IntakeBus:
    """The tick log, the queue and the waiting list as intake uses them; an away Redis is an answer, not an error."""

    def __init__(self, redis_url: str) -> None:
        self._redis = connect_redis(redis_url, retries=False, timeout_seconds=TIMEOUT_SECONDS)
        self._queue = connect_queue(redis_url, timeout_seconds=TIMEOUT_SECONDS)
        self._left_alone_until = 0.0

    def read_standing(self) -> Standing | None:
        """Read in one round trip how things stand; None while Redis is away, which is not asked again for a second."""
        if time.monotonic() < self._left_alone_until:
            return None
        for attempt in range(1, 3):  # the first may meet a connection that broke while nobody used it
            try:
                with self._redis.pipeline(transaction=False) as pipeline:
                    pipeline.xlen(WAITING)
                    pipeline.hget(HEADS, PLACE)
                    waiting, place = cast("tuple[int, str | None]", tuple(pipeline.execute()))
            except RedisError as error:
                log_event(logger, "redis_away", level=logging.WARNING, attempt=attempt, reason=str(error))
            else:
                return Standing(place=place_from_stream_id(place or "0"), others_wait=waiting > 0)
        self._left_alone_until = time.monotonic() + LEFT_ALONE_SECONDS
        return None

    def read_acceptance(self, symbol: str | None) -> Acceptance:
        """Read place and price in one round trip; neither is known while Redis is away."""
        try:
            heads = read_heads(self._redis, [symbol] if symbol else [])
        except RedisError as error:
            log_event(logger, "tick_log_away", level=logging.WARNING, reason=str(error))
            return Acceptance()
        last = heads.ticks.get(symbol) if symbol else None
        return Acceptance(place=heads.place, market_price=last.price if last else None)

    def keep(self, alert: AlertBody) -> bool:
        """Let a body wait for Postgres; whether Redis took it."""
        try:
            keep_waiting(self._redis, alert)
        except (RedisError, WaitingListFull) as error:
            log_event(logger, "alert_not_kept", level=logging.ERROR, reason=repr(error))
            return False
        return True

    def wake(self) -> None:
        """Wake a recorder worker; when that fails, its sweep finds the signal."""
        try:
            wake_recorder_workers(self._queue)
        except RedisError as error:
            log_event(logger, "wake_failed", level=logging.WARNING, reason=str(error))

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()
        self._queue.connection.close()
