"""Tells who listens that a position changed; a hint that may get lost, so listeners also look for themselves."""

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import redis
from redis.client import PubSub

from shared.bus.backoff import Backoff
from shared.bus.connection import CONNECTION_LOST, connect_redis
from shared.logs import log_event

CHANNEL = "positions"
MOST_MESSAGES = 5000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionChange:
    """A position that was opened, changed or closed."""

    recorder_id: int
    position_id: int
    symbol: str


def announce_positions(client: redis.Redis, changes: Iterable[PositionChange]) -> None:
    """Publish each change, all in one round trip."""
    with client.pipeline(transaction=False) as pipeline:
        for change in changes:
            pipeline.publish(CHANNEL, json.dumps(asdict(change)))
        pipeline.execute()


class PositionAnnouncements:
    """The changes announced since it began to listen; it comes back by itself, less what it missed meanwhile."""

    def __init__(self, redis_url: str) -> None:
        self._redis = connect_redis(redis_url, retries=False)
        self._channel: PubSub | None = None
        self._backoff = Backoff()

    def next_batch(self, timeout: float) -> list[PositionChange]:
        """Take every change that is there, or wait for one at most `timeout` seconds."""
        changes: list[PositionChange] = []
        if self._backoff.holds():
            self._backoff.sleep(timeout)
            return changes
        try:
            self._take(self._channel or self._connect(), changes, timeout)
            self._backoff.reset()
        except CONNECTION_LOST as error:
            self.close()
            self._backoff.failed()
            log_event(logger, "announcements_lost", level=logging.WARNING, reason=str(error))
        return changes

    def close(self) -> None:
        """Give the connection back."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _connect(self) -> PubSub:
        self._channel = self._redis.pubsub()
        self._channel.subscribe(CHANNEL)
        return self._channel

    def _take(self, channel: PubSub, changes: list[PositionChange], timeout: float) -> None:
        for _ in range(MOST_MESSAGES):
            if not channel.connection.can_read(timeout=0.0 if changes else timeout):
                return
            kind, _channel, data = channel.connection.read_response(push_request=True)
            if kind == "message":
                changes.append(PositionChange(**json.loads(data)))
