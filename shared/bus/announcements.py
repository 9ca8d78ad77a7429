"""Tells who listens that a position changed; a hint that may get lost, so listeners also look for themselves."""

import logging
from collections.abc import Sequence

import msgspec
import redis
from msgspec import Struct

from shared.bus.backoff import Backoff
from shared.bus.channels import MESSAGE, Channels
from shared.bus.connection import CONNECTION_LOST, connect_redis
from shared.logs import log_event

CHANNEL = "positions"

logger = logging.getLogger(__name__)


class PositionChange(Struct, frozen=True, kw_only=True, gc=False):
    """A position that was opened, changed or closed; `version` is that of its row, None where it is not told."""

    recorder_id: int
    position_id: int
    symbol: str
    version: int | None = None
    is_open: bool = True


def announce_positions(client: redis.Redis, changes: Sequence[PositionChange]) -> None:
    """Publish changes that were made together, in one message."""
    client.publish(CHANNEL, msgspec.json.encode(changes))


# msgspec learns a type when it first reads one, and crashes if two threads do so at once: here it is one.
_read = msgspec.json.Decoder(list[PositionChange]).decode


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
                    changes += _read(data)
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
