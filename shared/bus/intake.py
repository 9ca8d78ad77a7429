"""What accepting a signal asks of Redis, answered while somebody waits: soon, or not at all."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from redis import RedisError

from shared.bus.alarm import Alarm
from shared.bus.connection import connect_redis
from shared.bus.queues import connect_queue
from shared.bus.tick_log import HEADS, PLACE, head_price
from shared.bus.waiting_bodies import WAITING, AlertBody, WaitingListFull, keep_waiting
from shared.domain.places import place_from_stream_id
from shared.logs import log_event

# TradingView waits three seconds, most of which Postgres may need.
TIMEOUT_SECONDS = 0.5
LEFT_ALONE_SECONDS = 1.0
# One command where a pipeline would be two: every webhook asks. KEYS: the waiting list, the heads. ARGV: some of these.
STANDING = "return {redis.call('XLEN', KEYS[1]), unpack(redis.call('HMGET', KEYS[2], unpack(ARGV)))}"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The end of the tick log, symbols' last prices in it, and whether bodies wait that came before."""

    place: int
    others_wait: bool
    market_prices: Mapping[str, Decimal] = field(default_factory=dict)


class IntakeBus:
    """The tick log, the queue and the waiting list as intake uses them; an away Redis is an answer, not an error."""

    def __init__(self, redis_url: str) -> None:
        self._redis = connect_redis(redis_url, retries=False, timeout_seconds=TIMEOUT_SECONDS)
        self._ask_standing = self._redis.register_script(STANDING)
        self._alarm = Alarm(connect_queue(redis_url, timeout_seconds=TIMEOUT_SECONDS))
        self._is_away, self._left_alone_until = False, 0.0

    def read_standing(self, *symbols: str | None) -> Standing | None:
        """Read in one round trip how things stand; None while Redis is away, which one thread asks once a second."""
        now = time.monotonic()
        if now < self._left_alone_until:
            return None
        if self._is_away:
            self._left_alone_until = now + LEFT_ALONE_SECONDS  # for all others, while this one asks
        for attempt in range(1, 3):  # the first may meet a connection that broke while nobody used it
            try:
                standing = self._read_standing([each for each in dict.fromkeys(symbols) if each])
            except RedisError as error:
                log_event(logger, "redis_away", level=logging.WARNING, attempt=attempt, reason=str(error))
            else:
                self._is_away, self._left_alone_until = False, 0.0
                return standing
        self._is_away, self._left_alone_until = True, time.monotonic() + LEFT_ALONE_SECONDS
        return None

    def _read_standing(self, symbols: Sequence[str]) -> Standing:
        waiting, place, *heads = self._ask_standing(keys=[WAITING, HEADS], args=[PLACE, *symbols])
        prices = {symbol: head_price(head) for symbol, head in zip(symbols, heads, strict=True) if head}
        return Standing(place=place_from_stream_id(place or "0"), others_wait=waiting > 0, market_prices=prices)

    def keep(self, *alerts: AlertBody) -> bool:
        """Let bodies wait for Postgres, all or none of them; whether Redis took them."""
        try:
            keep_waiting(self._redis, *alerts)
        except (RedisError, WaitingListFull) as error:
            log_event(logger, "alert_not_kept", level=logging.ERROR, count=len(alerts), reason=repr(error))
            return False
        return True

    def wake(self) -> None:
        """Wake a recorder worker, soon; nobody waits for it, and many calls become one."""
        self._alarm.ring()

    def close(self) -> None:
        """Wake whom it was told to, and give the connections back."""
        self._alarm.close()
        self._redis.close()
