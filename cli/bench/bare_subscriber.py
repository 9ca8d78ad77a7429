"""The baseline of a TP/SL worker: subscribes to the same channels with redis-py, and does nothing but count.

python -m cli.bench.bare_subscriber COUNT CHANNEL ... tells COUNTED after every COUNT messages.
"""

import os
import sys

from shared.bus.connection import connect_redis

COUNTED = "bench:counted"


def main(count: int, channels: list[str]) -> None:
    """Count until the parent ends."""
    client = connect_redis(os.environ["REDIS_URL"], retries=False)
    pubsub = client.pubsub()  # type: ignore[no-untyped-call]
    pubsub.subscribe(*channels)
    counted = 0
    for message in pubsub.listen():
        if message["type"] == "message":
            counted += 1
            if counted % count == 0:
                client.publish(COUNTED, counted)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
