"""Prints what PyPI's `python-kraken-sdk` hears of a server, a line of JSON for each message, until a price is 0."""

import asyncio
import json
import sys
from typing import Any

from kraken.spot import SpotWSClient


class Listener(SpotWSClient):  # type: ignore[misc] - the package is not installed where types are checked
    """Ends with the price that says so."""

    ended = asyncio.Event()

    async def on_message(self, message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(message) + "\n")
        if message.get("channel") == "trade" and any(trade["price"] == 0 for trade in message["data"]):
            self.ended.set()


async def listen(url: str, pairs: list[str]) -> None:
    listener = Listener(ws_url=url)
    await listener.start()
    await listener.subscribe(params={"channel": "trade", "symbol": pairs, "snapshot": False})
    await listener.ended.wait()
    await listener.close()


asyncio.run(asyncio.wait_for(listen(sys.argv[1], sys.argv[2:]), 20))
