"""Tells who listens that a position changed; a hint that may get lost, so listeners also look for themselves."""

import json
import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import redis

from shared.bus.backoff import Backoff
from shared.bus.channels import MESSAGE, Channels
from shared.bus.connection import CONNECTION_LOST, connect_redis
from shared.logs import log_event

CHANNEL = "positions"

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
        self._channels: Channels | None = None
        self._backoff = Backoff()

    def next_batch(self, timeout: float) -> list[PositionChange]:
        """Take every change that is there, or wait for one at most `timeout` seconds."""
        changes: list[PositionChange] = []
        if self._backoff.holds():
            self._backoff.sleep(timeout)
            return changes
        try:
            self._channels = self._channels or Channels(self._redis, [CHANNEL])
            for kind, _, data in self._channels.read(timeout):
                if kind == MESSAGE:
                    changes.append(PositionChange(**json.loads(data)))
            self._backoff.reset()
        except CONNECTION_LOST as error:
            self.close()
            self._backoff.failed()
            log_event(logger, "announcements_lost", level=logging.WARNING, reason=str(error))
        return changes

    def close(self) -> None:
        """Give the connection back."""
        if self._channels is not None:
            self._channels.close()
            self._channels = None
