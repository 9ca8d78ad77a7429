"""The one job of the queue `signals`: it applies whatever signals are pending, so a lost or doubled job costs nothing.

RQ calls a job by name and without us; `open_connections` is therefore called once by the worker's process.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from shared.bus.connection import BusError, RedisClient
from shared.bus.queues import clear_wake
from shared.catch_up import catch_up
from shared.intake.waiting import store_waiting
from shared.logs import log_event
from shared.store.database import DATABASE_LOST, Engine
from shared.store.signals import count_pending

# What is counted once is caught up in several transactions, and another worker may take some of it meanwhile.
RECORDERS_AT_ONCE = 1200
SIGNALS_AT_ONCE = 1200
# Where signals keep coming, a job looks again by itself: from one job to the next costs as much as applying a few.
LOOKS_AGAIN_AFTER_SECONDS = 0.01
LASTS_SECONDS = 1.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """What the job works with, for as long as the process lives; RQ's SimpleWorker does not fork."""

    engine: Engine
    log: RedisClient


_connections: list[Connections] = []


def open_connections(connections: Connections) -> None:
    """Set what the job works with."""
    _connections[:] = [connections]


def apply_accepted_signals() -> int:
    """Apply every pending signal, for as long as some come and a second at most; RQ's job function. Returns how many.

    A server that is away fails no job: everything stays pending, and the sweep wakes us again.
    """
    (connections,) = _connections
    try:
        return _apply_while_they_come(connections) + apply_pending(connections)
    except (*DATABASE_LOST, BusError) as error:
        log_event(logger, "job_interrupted", level=logging.WARNING, reason=str(error).partition("\n")[0])
        return 0


def _apply_while_they_come(connections: Connections) -> int:
    """Apply what is free while nobody else is woken: two who share a trickle of signals take groups of half the size.

    What comes after the flag is cleared wakes somebody, and is read once more here besides.
    """
    until = time.monotonic() + LASTS_SECONDS
    try:
        total = applied = _apply_free(connections)
        while applied and time.monotonic() < until:
            time.sleep(LOOKS_AGAIN_AFTER_SECONDS)
            applied = _apply_free(connections)
            total += applied
        return total
    finally:
        clear_wake(connections.log)


def apply_pending(connections: Connections) -> int:
    """Drain what is pending: first what nobody else is at, then, waiting its turn, what came behind somebody's back."""
    return _apply_free(connections) + _drain(connections, wait=True)


def _apply_free(connections: Connections) -> int:
    store_waiting(connections.engine, connections.log)
    return _drain(connections, wait=False)


def _drain(connections: Connections, *, wait: bool) -> int:
    applied, after = 0, 0
    while True:
        with connections.engine.connect() as connection:
            pending = count_pending(connection, after=after, limit=RECORDERS_AT_ONCE)
        if not pending:
            return applied
        if len(pending) == RECORDERS_AT_ONCE:  # enough for two
            clear_wake(connections.log)
        recorder_ids = _as_many_as_fit(pending)
        applied += catch_up(connections.engine, connections.log, recorder_ids, wait=wait)
        after = recorder_ids[-1]


def _as_many_as_fit(pending: Sequence[tuple[int, int]]) -> list[int]:
    """Return the first recorders that have no more signals than are taken at once; at least one."""
    signals = accumulate(count for _, count in pending)
    chosen = [each for (each, _), count in zip(pending, signals, strict=True) if count <= SIGNALS_AT_ONCE]
    return chosen or [pending[0][0]]
