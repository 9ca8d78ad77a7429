"""Sends what was planned as TradingView behind a load balancer would, and writes down every attempt."""

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from shared.bus.connection import BusError, RedisClient, connect_redis
from shared.bus.tick_log import read_heads
from shared.bus.waiting_bodies import count_waiting
from tests.chaos.alerts import Act, Alert, recorder_settings
from tests.chaos.http import OK, REFUSED, Answer, request
from tests.chaos.journal import Attempt, Journal

GIVES_UP_AFTER_SECONDS = 3.0
API_GIVES_UP_AFTER_SECONDS = 10.0
SENDS_AGAIN = 3
PAUSE_SECONDS = 0.1
PAUSE_AFTER_AN_ERROR_SECONDS = 1.0
LOOKS_EVERY_SECONDS = 0.5
SERVER_ERRORS = 500
EURUSD = {
    "root": "EURUSD",
    "kind": "spot",
    "exchange": "OANDA",
    "name": "Euro",
    "currency": "USD",
    "tick_size": "0.000005",
    "multiplier": "100000",
}
PROBE = "chaos probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A recorder as the API made it: its number, and the path of its webhook URL."""

    id: int
    name: str
    path: str


@dataclass
class Driver:
    """The senders of a run: strategies with their alerts, and the owner with the API. Lives on the event loop."""

    web_ports: Sequence[int]
    api_key: str
    user_path: str
    journal: Journal
    seed: int
    recorders: list[Made] = field(default_factory=list)
    last_prices: Mapping[str, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._chance = random.Random(f"driver {self.seed}")
        self._corrections: dict[int, int] = {}

    async def make_recorders(self, count: int) -> Made:
        """Make the recorders of the run, and return another one for probing."""
        await self._made("/api/v1/contracts", EURUSD)
        for number in range(count):
            self.recorders.append(await self._make_recorder(recorder_settings(number)))
        return await self._make_recorder({"name": PROBE, "symbol": "MNQ1!"})

    async def send_all(self, alerts: Sequence[Alert], acts: Sequence[Act]) -> None:
        """Send everything at its time, however long the answers take; returns when the last one is settled."""
        began_at = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            planned: list[Alert | Act] = [*alerts, *acts]
            for each in sorted(planned, key=lambda each: each.at):
                await asyncio.sleep(began_at + each.at - time.monotonic())
                if isinstance(each, Alert):
                    tasks.create_task(self._send(each))
                else:
                    tasks.create_task(self._act(each))

    async def follow_redis(self, redis_url: str) -> None:
        """Keep the last prices that the market was seen at, and write down how many bodies wait, until cancelled."""
        client = connect_redis(redis_url, retries=False, timeout_seconds=1)
        while True:
            self.last_prices = await asyncio.to_thread(_prices, client) or self.last_prices
            self.journal.happened(at=time.time(), waiting=await asyncio.to_thread(_waiting, client))
            await asyncio.sleep(LOOKS_EVERY_SECONDS)

    async def attempt(
        self, alert: Alert, path: str, body: bytes, sending: int, web: int, within: float = GIVES_UP_AFTER_SECONDS
    ) -> Attempt:
        """Post a body once, to one of the webs."""
        sent_at = time.time()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        answer = await request(self.web_ports[web], "POST", path, body, headers=headers, within_seconds=within)
        attempt = Attempt(
            tag=alert.tag,
            recorder=alert.recorder,
            identified=alert.identified,
            sending=sending,
            web=web,
            sent_at=sent_at,
            answered_at=time.time(),
            outcome=answer.outcome,
            signal_id=answer.content.get("signal_id") if isinstance(answer.content, dict) else None,
        )
        self.journal.attempted(attempt)
        return attempt

    async def _send(self, alert: Alert) -> None:
        made = self.recorders[alert.recorder]
        body = alert.body(made.name, datetime.now(UTC), self.last_prices)
        path = self.user_path if alert.by_name else made.path
        async with asyncio.TaskGroup() as tasks:
            for sending, after in enumerate((0.0, *alert.again_after)):
                tasks.create_task(self._send_until_taken(alert, path, body, sending, after))

    async def _send_until_taken(self, alert: Alert, path: str, body: bytes, sending: int, after: float) -> None:
        await asyncio.sleep(after)
        web = self._chance.randrange(len(self.web_ports))
        for number in range(1 + SENDS_AGAIN):
            attempt = await self.attempt(alert, path, body, sending, (web + number) % len(self.web_ports))
            if attempt.outcome.isdigit() and int(attempt.outcome) < SERVER_ERRORS:
                return
            await asyncio.sleep(PAUSE_AFTER_AN_ERROR_SECONDS if attempt.outcome.isdigit() else PAUSE_SECONDS)

    async def _act(self, act: Act) -> None:
        """Change settings, close by hand or void, once: what became of it, the rows tell."""
        path, sent_at = f"/api/v1/recorders/{self.recorders[act.recorder].id}", time.time()
        if act.changes is not None:
            done, answer = "edit", await self._call("PATCH", path, act.changes)
        elif act.voids is not None:
            done, answer = f"void {act.voids}", await self._void(act.voids, act.recorder)
        else:
            chosen = {"ticker": act.ticker} if act.ticker else None
            done, answer = "close", await self._call("POST", f"{path}/close", chosen)
        self.journal.happened(
            act=done, recorder=act.recorder, sent_at=sent_at, answered_at=time.time(), outcome=answer.outcome
        )

    async def _void(self, voids: str, recorder: int) -> Answer:
        """Void the last trade, one of its suspect prints, or the correction before; the last trade if there is none."""
        made, taken_back = self.recorders[recorder], self._corrections.get(recorder)
        if voids == "correction" and taken_back is not None:
            return await self._call("POST", f"/api/v1/signals/{taken_back}/void", None)
        listed = await self._call("GET", f"/api/v1/trades?recorder_id={made.id}&limit=1", None)
        if listed.status != OK or not listed.content["items"]:
            return listed
        trade = f"/api/v1/trades/{listed.content['items'][0]['id']}"
        if voids == "print":
            answer = await self._void_print(trade, made)
        else:
            answer = await self._call("POST", f"{trade}/void", None)
        if isinstance(answer.content, dict) and answer.content.get("signal_id"):
            self._corrections[recorder] = answer.content["signal_id"]
        return answer

    async def _void_print(self, trade: str, made: Made) -> Answer:
        listed = await self._call("GET", f"{trade}/prints", None)
        if listed.status != OK or not listed.content["items"]:
            return listed
        wrong = {name: listed.content["items"][0][name] for name in ("symbol", "id")}
        return await self._call("POST", f"/api/v1/recorders/{made.id}/void-tick", wrong)

    async def _make_recorder(self, settings: Mapping[str, Any]) -> Made:
        described = await self._made("/api/v1/recorders", settings)
        path = "/" + described["webhook_url"].split("/", 3)[3]
        return Made(id=described["id"], name=described["name"], path=path)

    async def _made(self, path: str, content: Mapping[str, Any]) -> dict[str, Any]:
        answer = await self._call("POST", path, content)
        if answer.status not in {OK, 201}:
            message = f"POST {path}: {answer}"
            raise AssertionError(message)
        described: dict[str, Any] = answer.content
        return described

    async def _call(self, method: str, path: str, content: object) -> Answer:
        """Ask the API of either web; the other one if the first does not even listen."""
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
        ports = self._chance.sample(list(self.web_ports), len(self.web_ports))
        for port in ports:
            body = b"" if content is None else json.dumps(content).encode()
            answer = await request(port, method, path, body, headers=headers, within_seconds=API_GIVES_UP_AFTER_SECONDS)
            if answer.failure != REFUSED:
                break
        return answer


def _prices(client: RedisClient) -> dict[str, Decimal]:
    try:
        return {symbol: last.price for symbol, last in read_heads(client).ticks.items()}
    except BusError:
        return {}


def _waiting(client: RedisClient) -> int | None:
    try:
        return count_waiting(client)
    except BusError:
        return None
