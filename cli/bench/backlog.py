"""How fast a subscriber takes ticks: a backlog waits in Redis, and the time until the last one is dealt with counts."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import psutil

from cli.bench.positions import NEAR_TICKS
from cli.bench.stand import PATIENCE_SECONDS, BenchFailed
from cli.bench.watched import WatchedMarket
from cli.processes import Process
from shared.bus.announcements import PositionAnnouncements
from shared.bus.channels import MESSAGE, SUBSCRIBED, Channels
from shared.bus.connection import RedisClient

LOOK_EVERY_SECONDS = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """What taking a backlog took; CPU time is that of all processes together."""

    seconds: float
    cpu_seconds: float


class Said(Protocol):
    """What a process says when it is done, so many times."""

    def wait_for(self, count: int) -> None:
        """Wait for so many times; raises BenchFailed if they do not come."""


class Exits:
    """Hears which positions were closed; several of them may be told in one message."""

    def __init__(self, redis_url: str) -> None:
        self._announcements = PositionAnnouncements(redis_url)
        self._announcements.next_batch(0)  # subscribes

    def wait_for(self, count: int) -> None:
        """Wait for so many exits; raises BenchFailed if they do not come."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while count > 0:
            if time.monotonic() > deadline:
                raise BenchFailed(f"{count} positions were not closed")
            count -= sum(not change.is_open for change in self._announcements.next_batch(LOOK_EVERY_SECONDS))


class Listener:
    """Hears the messages of one channel."""

    def __init__(self, client: RedisClient, channel: str) -> None:
        self._channels = Channels(client, [channel])
        self._take(SUBSCRIBED, 1)

    def wait_for(self, count: int) -> None:
        """Wait for so many messages; raises BenchFailed if they do not come."""
        self._take(MESSAGE, count)

    def _take(self, wanted: str, count: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while count > 0:
            if time.monotonic() > deadline:
                raise BenchFailed(f"{count} messages of kind {wanted} did not come")
            count -= sum(kind == wanted for kind, _, _ in self._channels.read(LOOK_EVERY_SECONDS))


@contextmanager
def asleep(processes: Sequence[Process]) -> Iterator[None]:
    """Stop processes for the length of a `with` block, which is to be shorter than a lease of a symbol."""
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)


def time_drain(processes: Sequence[Process], done: Said, times: int) -> Drain:
    """Time what processes that were just woken up do, until they have said so many times that they are done."""
    began, cpu = time.perf_counter(), _cpu_seconds(processes)
    done.wait_for(times)
    return Drain(seconds=time.perf_counter() - began, cpu_seconds=_cpu_seconds(processes) - cpu)


class Backlogs:
    """Backlogs of ticks for TP/SL workers: the last tick of each stops out a canary in every one of `symbols`."""

    def __init__(self, redis_url: str, watched: WatchedMarket, symbols: Sequence[str], count: int) -> None:
        """Open the canaries of `count` backlogs."""
        stops = range(NEAR_TICKS + 1, NEAR_TICKS + 1 + count)
        for symbol in symbols:
            watched.open_stopped(symbol, stops)
        self._watched = watched
        self._symbols = symbols
        self._stops = iter(stops)
        self._exits = Exits(redis_url)

    def drain(self, ticks: int, workers: Sequence[Process]) -> Drain:
        """Publish ticks while the workers sleep, wake them up, and time how they take them."""
        stop = next(self._stops)
        canaries = [self._watched.stop_out(symbol, stop) for symbol in self._symbols]
        with asleep(workers):
            self._watched.market.publish([*self._watched.market.walk(ticks - len(canaries)), *canaries])
        drain = time_drain(workers, self._exits, len(canaries))
        self._watched.positions -= len(canaries)
        return drain


def _cpu_seconds(processes: Sequence[Process]) -> float:
    return sum(sum(psutil.Process(process.pid).cpu_times()[:2]) for process in processes)
