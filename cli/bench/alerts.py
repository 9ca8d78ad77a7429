"""Alerts as TradingView sends them, and a load of them."""

import json
from collections.abc import Sequence

from cli.bench.http_load import Address, Answer, HttpLoad, Request, post
from cli.bench.stand import BenchFailed

OK = 200
BUY, CLOSE = "buy", "close"


def alerts(
    address: Address, tokens: Sequence[str], *, count: int, action: str = BUY, keep_alive: bool = False
) -> list[bytes]:
    """Write so many alerts, for one recorder after the other."""
    body = _body(action)
    paths = [f"/webhook/{token}" for token in tokens]
    return [post(address, paths[number % len(paths)], body, keep_alive=keep_alive) for number in range(count)]


def paced(sent: Sequence[bytes], a_second: int) -> list[Request]:
    """Space alerts out evenly."""
    return [Request(sent=each, due=number / a_second) for number, each in enumerate(sent, start=1)]


def send(
    address: Address, requests: Sequence[Request], *, connections: int, keep_alive: bool = False
) -> tuple[float, list[Answer]]:
    """Send alerts; returns the start and the answers. Raises BenchFailed unless all are taken."""
    load = HttpLoad(address, connections=connections, keep_alive=keep_alive)
    try:
        start, answers = load.send(requests)
    finally:
        load.close()
    refused = [answer.status for answer in answers if answer.status != OK]
    if refused or len(answers) < len(requests):
        raise BenchFailed(f"{len(requests)} alerts were sent, {len(refused)} of them answered with {set(refused)}")
    return start, answers


def _body(action: str) -> bytes:
    """Write a body that says no price: it is filled at the last tick."""
    return json.dumps({"ticker": "MNQ1!", "action": action, "contracts": "1"}).encode()
