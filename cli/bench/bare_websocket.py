"""The baseline of the price feed: reads the same source with websocket-client, and discards what it says.

python -m cli.bench.bare_websocket URL COUNT ends after COUNT messages.
"""

import sys

from websocket import create_connection


def main(url: str, count: int) -> None:
    """Take so many messages."""
    connection = create_connection(url, timeout=60)
    for _ in range(count):
        connection.recv()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
