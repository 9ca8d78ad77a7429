"""A connection that listens to pub/sub channels; what a lost message means is its user's business."""

from collections.abc import Iterable, Iterator
from typing import Any

import redis
from redis.client import PubSub

MESSAGE, SUBSCRIBED = "message", "subscribe"
MOST_AT_ONCE = 5000


class Channels:
    """Messages of some channels, as `(kind, channel, text)`: a MESSAGE, or SUBSCRIBED once the channel is heard."""

    def __init__(self, client: redis.Redis, names: Iterable[str]) -> None:
        """Subscribe; Redis says SUBSCRIBED for each name before its first message."""
        # Without a handler of ours, redis-py makes a line for its log of each message.
        self._pubsub: PubSub = client.pubsub(push_handler_func=_as_it_is)  # type: ignore[no-untyped-call]
        self.subscribe(names)

    def subscribe(self, names: Iterable[str]) -> None:
        """Listen to these too."""
        self._pubsub.subscribe(*names)

    def unsubscribe(self, names: Iterable[str]) -> None:
        """Stop listening to these; messages that are under way still come."""
        self._pubsub.unsubscribe(*names)  # type: ignore[no-untyped-call]

    def read(self, timeout: float) -> Iterator[tuple[str, str, str]]:
        """Read what is there; wait for the first message at most `timeout` seconds."""
        # Not get_message(timeout=0): it takes half a message in the buffer for a lost connection.
        connection: Any = self._pubsub.connection
        for _ in range(MOST_AT_ONCE):
            if connection is None or not connection.can_read(timeout=timeout):
                return
            kind, channel, data = connection.read_response(push_request=True)
            yield kind, channel, data
            timeout = 0.0

    def close(self) -> None:
        """Give the connection back."""
        self._pubsub.close()


def _as_it_is(message: list[str]) -> list[str]:
    return message
