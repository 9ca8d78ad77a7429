"""A Coinbase Exchange of our own: subscribe within five seconds, one wrong product fails its request."""

import json
import ssl
from collections.abc import Iterator
from typing import Any

from tests.venues.server import Client, Deadline, Misconduct, VenueServer

TIME = "2026-10-03T20:58:31.127510Z"
CHANNELS = {"ticker", "heartbeat"}
MESSAGES_A_SECOND = 100
TURN_SECONDS = 0.02


class CoinbaseServer(VenueServer):
    """Trades products that start with these prices; each trade is told to who follows its product."""

    def __init__(
        self,
        prices: dict[str, str],
        *,
        subscribe_within_seconds: float = 5,
        heartbeat_seconds: float = 1,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls=tls)
        self.prices = prices
        self.trades = dict.fromkeys(prices, 1_102_042_811)
        self._within_seconds = subscribe_within_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._follows: dict[Client, dict[str, set[str]]] = {}

    def talk(self, client: Client) -> None:
        follows = self._follows[client] = {channel: set() for channel in CHANNELS}
        try:
            self._take(client, follows, client.hear(self._within_seconds))
            heartbeat, allowed, second = Deadline(self._heartbeat_seconds), MESSAGES_A_SECOND, Deadline(1)
            while True:
                message = client.hear(TURN_SECONDS)
                if message is not None:
                    self._take(client, follows, message)
                    allowed -= 1
                if second.passed:
                    allowed, second = MESSAGES_A_SECOND, Deadline(1)
                if allowed < 0:
                    raise Misconduct("too many messages")
                if heartbeat.passed:
                    heartbeat = Deadline(self._heartbeat_seconds)
                    for product in sorted(follows["heartbeat"]):
                        client.say(json.dumps(self._heartbeat(product)))
        finally:
            del self._follows[client]

    def follows(self, *products: str) -> bool:
        """Whether there is one client, and it follows exactly these products, on both channels."""
        return [*self._follows.values()] == [{channel: set(products) for channel in CHANNELS}]

    def trade(self, product: str, price: str, *, matches: int = 1, is_lost: bool = False) -> None:
        """Match an order; several matches of it are one ticker. A lost one is told to nobody."""
        self.prices[product] = price
        self.trades[product] += matches
        for client, follows in list(self._follows.items()):
            if product in follows["ticker"] and not is_lost:
                client.say(json.dumps({**self._ticker(product), "side": "buy", "last_size": "0.01"}))

    def _take(self, client: Client, follows: dict[str, set[str]], message: str | None) -> None:
        if message is None:
            raise Misconduct("no subscription in time")
        request = json.loads(message)
        kind = request.get("type")
        if kind not in {"subscribe", "unsubscribe"}:
            raise Misconduct(f"no such type: {kind}")
        request["channels"] = [_written_out(channel, request) for channel in request["channels"]]
        reason = next(self._objections(request), None)
        if reason is not None:
            client.say(json.dumps({"type": "error", "message": f"Failed to {kind}", "reason": reason}))
            return
        for channel in request["channels"]:
            change = follows[channel["name"]]
            (change.update if kind == "subscribe" else change.difference_update)(channel["product_ids"])
        self.note(lambda: None)
        channels = [{"name": name, "product_ids": sorted(ids), "account_ids": None} for name, ids in follows.items()]
        client.say(json.dumps({"type": "subscriptions", "channels": channels}))
        if kind == "subscribe":
            for product in sorted({each for channel in request["channels"] for each in channel["product_ids"]}):
                client.say(json.dumps(self._ticker(product)))

    def _objections(self, request: dict[str, Any]) -> Iterator[str]:
        for channel in request["channels"]:
            if channel["name"] not in CHANNELS:
                yield f"{channel['name']} is not a valid channel"
            if not channel["product_ids"]:
                yield f"You need to specify at least one product ID for channel {channel['name']}"
            yield from (f"{each} is not a valid product" for each in channel["product_ids"] if each not in self.prices)

    def _ticker(self, product: str) -> dict[str, Any]:
        return {
            "type": "ticker",
            "sequence": 137_212_619_516,
            "product_id": product,
            "price": self.prices[product],
            "best_bid": self.prices[product],
            "best_ask": self.prices[product],
            "time": TIME,
            "trade_id": self.trades[product],
        }

    def _heartbeat(self, product: str) -> dict[str, Any]:
        last = self.trades[product]
        return {"type": "heartbeat", "sequence": 90, "last_trade_id": last, "product_id": product, "time": TIME}


def _written_out(channel: Any, request: dict[str, Any]) -> dict[str, Any]:
    """A channel may be a word; then its products are those of the request."""
    return channel if isinstance(channel, dict) else {"name": channel, "product_ids": request.get("product_ids", [])}
