"""Tradovate's market data, strict: it opens, wants to be authorized before all else, and a sign of life every 2.5 s."""

import json
import ssl
from typing import Any

from tests.venues.server import Client, Deadline, Misconduct, VenueServer
from tests.venues.tradovate_rest import TradovateRest, quote

TURN_SECONDS = 0.02
PARTS = 4


class TradovateServer(VenueServer):
    """Tells trades to who subscribed to their contract; `rest` is the other half, with the tokens and the contracts."""

    def __init__(
        self,
        rest: TradovateRest,
        *,
        patience_seconds: float = 5,
        heartbeat_seconds: float = 2.5,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls=tls)
        self.url += "/v1/websocket"
        self.rest = rest
        self.prices: dict[str, str] = {}  # of the snapshot that a new subscription gets
        self.modes: dict[str, dict[str, Any]] = {}  # by contract, where it is not real time
        self._volume = 4118
        self._patience_seconds = patience_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._follows: dict[Client, set[str]] = {}

    def talk(self, client: Client) -> None:
        client.say("o")
        self._authorize(client, client.hear(self._patience_seconds))
        follows = self._follows[client] = set()
        try:
            self._serve_requests(client, follows)
        finally:
            del self._follows[client]

    def follows(self, *contracts: str) -> bool:
        """Whether there is one client, and it follows exactly these contracts."""
        return [*self._follows.values()] == [set(contracts)]

    def trade(self, contract: str, price: str, **entries: Any) -> None:
        """Trade once."""
        self._volume += 1
        self.prices[contract] = price
        told = f'a[{{"e":"md","d":{{"quotes":[{self._quote(contract, **entries)}]}}}}]'
        for client, follows in list(self._follows.items()):
            if contract in follows:
                client.say(told)

    def shut_down(self, reason_code: str) -> None:
        """Announce the end, and end."""
        self.say(f'a[{{"e":"shutdown","d":{{"reasonCode":"{reason_code}","reason":"tests"}}}}]')

    def _authorize(self, client: Client, message: str | None) -> None:
        parts = (message or "").split("\n")
        if len(parts) != PARTS or parts[0] != "authorize" or parts[2]:
            raise Misconduct("not authorized first")
        if parts[3] not in self.rest.market_data:
            client.say(f'a[{{"s":401,"i":{parts[1]},"d":"Access is denied"}}]')
            raise Misconduct("a wrong token")
        client.say(f'a[{{"s":200,"i":{parts[1]}}}]')

    def _serve_requests(self, client: Client, follows: set[str]) -> None:
        used = {"1"}
        patience, heartbeat = Deadline(self._patience_seconds), Deadline(self._heartbeat_seconds)
        while True:
            message = client.hear(TURN_SECONDS)
            if message == "[]":
                patience = Deadline(self._patience_seconds)
            elif message is not None:
                self._take(client, follows, message.split("\n"), used)
            if patience.passed:
                raise Misconduct("no sign of life")
            if heartbeat.passed:
                heartbeat = Deadline(self._heartbeat_seconds)
                client.say("h")

    def _take(self, client: Client, follows: set[str], parts: list[str], used: set[str]) -> None:
        if len(parts) != PARTS or parts[1] in used:
            raise Misconduct(f"not a request: {parts}")
        endpoint, number, _, body = parts
        used.add(number)
        contract = json.loads(body)["symbol"]
        if endpoint.lower() == "md/unsubscribequote":
            follows.discard(contract)
            client.say(f'a[{{"s":200,"i":{number}}}]')
        elif endpoint.lower() != "md/subscribequote" or contract not in self.rest.contracts:
            client.say(f'a[{{"s":404,"i":{number},"d":"Not found"}}]')
        else:
            self._subscribe(client, follows, contract, number)
        self.note(lambda: None)

    def _subscribe(self, client: Client, follows: set[str], contract: str, number: str) -> None:
        mode = self.modes.get(contract, {"mode": "RealTime", "subscriptionId": 1})
        answer = f'{{"s":200,"i":{number},"d":{json.dumps(mode)}}}'
        if "errorText" in mode:
            client.say(f"a[{answer}]")
            return
        follows.add(contract)
        snapshot = f',{{"e":"md","d":{{"quotes":[{self._quote(contract)}]}}}}' if contract in self.prices else ""
        client.say(f"a[{answer}{snapshot}]")

    def _quote(self, contract: str, **entries: Any) -> str:
        return quote(self.rest.contracts[contract], self.prices[contract], self._volume, **entries)
