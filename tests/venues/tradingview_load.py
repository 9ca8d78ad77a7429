"""Measures how many messages a second get from a TradingView of our own through the feed into the tick log.

python -m tests.venues.tradingview_load [RATE [SECONDS [FRAMES]]] prints one line of JSON. A message is a `qsd` with one
new price; FRAMES of them (1) make a WebSocket message. The feed and Redis are processes as `recorder up` runs them.
At the end the connection is cut.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from cli.embedded.server import running
from cli.embedded.valkey import prepare_valkey
from shared.bus.connection import RedisClient, connect_redis
from tests.conftest import open_directory
from tests.venues.tradingview_server import TradingViewServer

ROOTS = ["MNQ", "NQ", "MES", "ES", "RTY", "M2K", "GC", "CL", "NG", "6E"]
EXCHANGES = ["CME_MINI"] * 6 + ["COMEX", "NYMEX", "NYMEX", "CME"]
SYMBOLS = [f"{root}1!" for root in ROOTS]
NAMES = [f"{exchange}:{symbol}" for exchange, symbol in zip(EXCHANGES, SYMBOLS, strict=True)]
BURST_SECONDS = 0.005
STEP = 5
STEPS = 97  # prices go round in so many steps: each differs from the one before
MOST_WAITING_SECONDS = 30
AFTER_THE_CUT = 2  # a gap, and the price that the new connection begins with
BEFORE_THE_LOAD = 2  # entries of a log: the mark that it begins with, and the price that the connection begins with


class Load(NamedTuple):
    """What to offer; `rate` in prices a second, `frames` of them to a WebSocket message."""

    rate: int = 20_000
    seconds: float = 15
    frames: int = 1


class Stream:
    """Messages at a fixed rate, as bytes on the one client's socket, each price with the moment when it went out.

    Prices go round in STEPS. A round is written once a second, since the feed shares the machine with it.
    """

    def __init__(self, server: TradingViewServer, frames: int) -> None:
        self._frames = frames
        (self._client,) = server.clients
        self._socket: socket.socket = self._client._connection.socket
        (self._session,) = server._talks[self._client].sessions
        self._round: list[bytes] = []
        self._written_at = 0
        self.sent_at: list[float] = []
        self.cpu_seconds = 0.0

    def run(self, rate: int, seconds: float) -> None:
        begun, begun_cpu = time.time(), time.thread_time()
        while (now := time.time()) < begun + seconds:
            self._say((int((now - begun) * rate) - len(self.sent_at)) // self._frames, now)
            time.sleep(max(0.0, BURST_SECONDS - (time.time() - now)))
        self.cpu_seconds = time.thread_time() - begun_cpu

    def _say(self, messages: int, now: float) -> None:
        if int(now) != self._written_at:
            self._written_at = int(now)
            self._round = [self._message(number) for number in range(len(NAMES) * STEPS)]
        first = len(self.sent_at) // self._frames
        turns = range(first, first + messages)
        self._socket.sendall(b"".join([self._round[number % len(self._round)] for number in turns]))
        self.sent_at += [now] * (messages * self._frames)

    def _message(self, number: int) -> bytes:
        first = number * self._frames
        text = "".join(self._frame(each) for each in range(first, first + self._frames)).encode()
        return b"\x81\x7e" + len(text).to_bytes(2, "big") + text

    @property
    def last_price(self) -> int:
        return price_of(len(self.sent_at) // len(NAMES) - 1)

    def _frame(self, number: int) -> str:
        name, turn = NAMES[number % len(NAMES)], number // len(NAMES)
        price = price_of(turn)
        payload = (
            f'{{"m":"qsd","p":["{self._session}",{{"n":"{name}","s":"ok","v":{{"lp":{price}.0,"lp_time":{self._written_at},'
            f'"bid":{price - STEP}.0,"ask":{price}.0,"volume":{turn},"ch":1.25,"chp":0.01}}}}]}}'
        )
        return f"~m~{len(payload)}~m~{payload}"


def price_of(turn: int) -> int:
    return 1000 + STEP * (turn % STEPS)


def measure(load: Load) -> dict[str, Any]:
    with (
        open_directory() as directory,
        running(prepare_valkey(directory / "redis", directory / "log", durable=True)) as url,
    ):
        market = {name: {"lp": 995.0, "lp_time": int(time.time())} for name in NAMES}
        with TradingViewServer(market, heartbeat_seconds=600) as server:
            feed = start_feed(url, server.url, directory)
            try:
                return measured(server, connect_redis(url, retries=True), feed, load)
            finally:
                feed.kill()
                feed.wait()


def start_feed(redis_url: str, tradingview_url: str, directory: Path) -> subprocess.Popen[bytes]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "DATABASE_URL": "postgresql+psycopg2://nobody@127.0.0.1:1/none",
        "REDIS_URL": redis_url,
        "SECRET_KEY": "0123456789abcdef" * 2,
        "FEED": "tradingview",
        "FEED_SYMBOLS": ",".join(SYMBOLS),
        "TRADINGVIEW_URL": tradingview_url,
    }
    command = [sys.executable, "-m", "cli.main", "price-feed"]
    return subprocess.Popen(command, env=environment, stderr=(directory / "feed.log").open("wb"))


def measured(
    server: TradingViewServer, redis: RedisClient, feed: subprocess.Popen[bytes], load: Load
) -> dict[str, Any]:
    server.wait_for(lambda: server.follows(*NAMES))
    wait_until(lambda: logged(redis) >= BEFORE_THE_LOAD * len(NAMES))
    before, stream = logged(redis), Stream(server, load.frames)
    feed_cpu, redis_cpu = cpu_clock(feed.pid), cpu_clock(redis.info("server")["process_id"])
    stream.run(load.rate, load.seconds)
    behind_at_end = before + len(stream.sent_at) - logged(redis)
    connected_again_seconds = cut(server, stream.last_price - STEP)
    wait_until(lambda: logged(redis) >= before + len(stream.sent_at) + AFTER_THE_CUT * len(NAMES))
    delays = sorted(all_delays(redis, stream.sent_at))
    return {
        "benchmark": "tradingview_feed",
        "offered_per_second": load.rate,
        "frames_in_a_message": load.frames,
        "seconds": load.seconds,
        "sent": len(stream.sent_at),
        "logged": logged(redis) - before - AFTER_THE_CUT * len(NAMES),
        "behind_at_end": behind_at_end,
        "p50_ms": round(statistics.median(delays) * 1000, 1),
        "p99_ms": round(delays[len(delays) * 99 // 100] * 1000, 1),
        "max_ms": round(delays[-1] * 1000, 1),
        "feed_cpu_us": round(feed_cpu() * 1e6 / len(stream.sent_at), 1),  # for each price, as the two that follow
        "redis_cpu_us": round(redis_cpu() * 1e6 / len(stream.sent_at), 1),
        "sender_cpu_us": round(stream.cpu_seconds * 1e6 / len(stream.sent_at), 1),
        "connected_again_ms": round(connected_again_seconds * 1000),
        "symbols_with_a_gap": sum(has_gap(redis, symbol) for symbol in SYMBOLS),
    }


def cut(server: TradingViewServer, price: int) -> float:
    """Cut the connection under what is still under way; how many seconds later every symbol is followed again.

    `price` is then the market's.
    """
    for values in server.market.values():
        values.update(lp=price, lp_time=int(time.time()))
    cut_at = time.monotonic()
    server.cut()
    server.wait_for(lambda: server.connected > 1 and server.follows(*NAMES))
    return time.monotonic() - cut_at


def has_gap(redis: RedisClient, symbol: str) -> bool:
    """Whether a log has a gap behind the one that it begins with."""
    return any("g" in fields for _, fields in redis.xrange(f"ticks:{symbol}")[1:])


def cpu_clock(pid: int) -> Callable[[], float]:
    """Return what says how many seconds of CPU a process has used since now."""
    process = psutil.Process(pid)
    begun = sum(process.cpu_times()[:2])
    return lambda: sum(process.cpu_times()[:2]) - begun


def logged(redis: RedisClient) -> int:
    """How many ticks and marks the log has."""
    return sum(redis.xlen(f"ticks:{symbol}") for symbol in SYMBOLS)


def all_delays(redis: RedisClient, sent_at: list[float]) -> list[float]:
    """Seconds from each message's way out to its place in the log; raises AssertionError if one is missing or wrong."""
    delays = []
    for nth, symbol in enumerate(SYMBOLS):
        moments = sent_at[nth :: len(SYMBOLS)]
        entries = redis.xrange(f"ticks:{symbol}")[BEFORE_THE_LOAD:][: len(moments)]
        prices = [int(fields["p"].partition(".")[0]) for _, fields in entries]
        assert prices == [price_of(turn) for turn in range(len(moments))], symbol
        delays += [int(place.split("-")[0]) / 1000 - sent for (place, _), sent in zip(entries, moments, strict=True)]
    return delays


def wait_until(holds: Any) -> None:
    deadline = time.monotonic() + MOST_WAITING_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(Load(*map(int, sys.argv[1:])))) + "\n")
