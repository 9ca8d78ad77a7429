"""What accepting a signal asks of Redis, answered while somebody waits: soon, or not at all."""

import logging
from dataclasses import dataclass
from decimal import Decimal

from redis import RedisError

from shared.bus.connection import connect_redis
from shared.bus.queues import connect_queue, wake_recorder_workers
from shared.bus.tick_log import read_heads
from shared.logs import log_event

# TradingView waits three seconds; reading twice and waking once take half of that at worst.
TIMEOUT_SECONDS = 0.5
ATTEMPTS = 2

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Where in the tick log a signal was accepted, and the last price of its symbol; None: not known."""

    place: int | None = None
    market_price: Decimal | None = None


class IntakeBus:
    """The tick log and the queue as intake uses them; that Redis is away is an answer, not an error."""

    def __init__(self, redis_url: str) -> None:
        self._redis = connect_redis(redis_url, retries=False, timeout_seconds=TIMEOUT_SECONDS)
        self._queue = connect_queue(redis_url, timeout_seconds=TIMEOUT_SECONDS)

    def read_acceptance(self, symbol: str | None) -> Acceptance:
        """Read place and price in one round trip; neither is known while Redis is away."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                heads = read_heads(self._redis, [symbol] if symbol else [])
            except RedisError as error:
                log_event(logger, "tick_log_away", level=logging.WARNING, attempt=attempt, reason=str(error))
            else:
                last = heads.ticks.get(symbol) if symbol else None
                return Acceptance(place=heads.place, market_price=last.price if last else None)
        return Acceptance()

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
