"""A Kraken of our own: its status comes first, each pair gets an answer, who says nothing for a minute is cut off."""

import json
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tests.venues.server import Client, Deadline, Misconduct, VenueServer

STATUS = {"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": 12393906104898154338}
TURN_SECONDS = 0.02


class KrakenServer(VenueServer):
    """Trades these pairs; each trade is told to who follows its pair."""

    def __init__(
        self,
        *pairs: str,
        patience_seconds: float = 60,
        heartbeat_seconds: float = 1,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls=tls)
        self.url += "/v2"
        self.trades = dict.fromkeys(pairs, 107_612_614)
        self.system = "online"
        self._patience_seconds = patience_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._follows: dict[Client, set[str]] = {}

    def talk(self, client: Client) -> None:
        follows = self._follows[client] = set()
        try:
            client.say(json.dumps({"channel": "status", "type": "update", "data": [{**STATUS, "system": self.system}]}))
            patience, heartbeat = Deadline(self._patience_seconds), Deadline(self._heartbeat_seconds)
            while True:
                message = client.hear(TURN_SECONDS)
                if message is not None:
                    patience = Deadline(self._patience_seconds)
                    self._take(client, follows, json.loads(message))
                if patience.passed:
                    raise Misconduct("no sign of life")
                if follows and heartbeat.passed:
                    heartbeat = Deadline(self._heartbeat_seconds)
                    client.say('{"channel":"heartbeat"}')
        finally:
            del self._follows[client]

    def follows(self, *pairs: str) -> bool:
        """Whether there is one client, and it follows exactly these pairs."""
        return [*self._follows.values()] == [set(pairs)]

    def trade(self, pair: str, price: str, *, is_lost: bool = False) -> None:
        """Trade once. A lost trade is told to nobody."""
        self.trade_at_once([(pair, price)], is_lost=is_lost)

    def trade_at_once(self, trades: Sequence[tuple[str, str]], *, is_lost: bool = False) -> None:
        """Trade several times, told in one message."""
        told = []
        for pair, price in trades:
            self.trades[pair] += 1
            told.append((pair, _trade(pair, price, self.trades[pair])))
        for client, follows in list(self._follows.items()):
            data = [trade for pair, trade in told if pair in follows]
            if data and not is_lost:
                client.say(f'{{"channel":"trade","type":"update","data":[{",".join(data)}]}}')

    def _take(self, client: Client, follows: set[str], request: dict[str, Any]) -> None:
        method, params = request.get("method"), request.get("params", {})
        if method == "ping":
            client.say(json.dumps({"method": "pong", "time_in": _now(), "time_out": _now()}))
            return
        if method not in {"subscribe", "unsubscribe"} or params.get("channel") != "trade":
            raise Misconduct(f"no such request: {request}")
        for pair in params["symbol"]:
            client.say(json.dumps({"method": method, **self._answer(follows, method, pair), "time_in": _now()}))
        self.note(lambda: None)

    def _answer(self, follows: set[str], method: str, pair: str) -> dict[str, Any]:
        if pair not in self.trades:
            return {"success": False, "symbol": pair, "error": f"Currency pair not supported {pair}"}
        if method == "unsubscribe":
            follows.discard(pair)
        elif pair in follows:
            return {"success": False, "symbol": pair, "error": "Already subscribed"}
        else:
            follows.add(pair)
        return {"success": True, "result": {"channel": "trade", "snapshot": False, "symbol": pair}}


def _trade(pair: str, price: str, number: int) -> str:
    # Written by hand: the price is a JSON number with the digits that were given.
    return (
        f'{{"symbol":"{pair}","side":"buy","price":{price},"qty":0.0084064,"ord_type":"limit","trade_id":{number},'
        f'"timestamp":"{_now()}"}}'
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
