"""Prints what PyPI's `tradingview-sdk` makes of a server: a line of JSON for each update, until the price is 0."""

import asyncio
import json
import sys

from tradingview_sdk import QuoteStream


async def listen(url: str, symbols: list[str]) -> None:
    async with QuoteStream(url=url, reconnect=False) as stream:
        await stream.subscribe(*symbols)
        async for update in stream.updates():
            sys.stdout.write(json.dumps([update.symbol, update.last_price]) + "\n")
            if update.last_price == 0:
                return


asyncio.run(asyncio.wait_for(listen(sys.argv[1], sys.argv[2:]), 20))
