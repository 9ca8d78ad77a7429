"""Finds accepted signals that no job took, because a crash lost the wake-up, and wakes a worker for them.

Bodies that wait in Redis until Postgres is back are found in the same way.
"""

import logging
from threading import Event, Thread

from shared.bus.connection import BusError
from shared.bus.heartbeat import Heartbeat
from shared.bus.queues import Queue, clear_wake, wake_recorder_workers
from shared.bus.waiting_bodies import count_waiting
from shared.logs import log_event
from shared.store.database import DATABASE_LOST, Engine
from shared.store.signals import has_pending_older_than

EVERY_SECONDS = 1.0
OVERDUE_SECONDS = 0.5

logger = logging.getLogger(__name__)


def sweep(engine: Engine, queue: Queue) -> bool:
    """Wake a worker if a signal has been waiting for half a second, or a body for Postgres; whether one was."""
    with engine.connect() as connection:
        overdue = has_pending_older_than(connection, seconds=OVERDUE_SECONDS) or count_waiting(queue.connection) > 0
    if overdue:
        clear_wake(queue.connection)
        wake_recorder_workers(queue)
        log_event(logger, "overdue_signals_found", level=logging.WARNING)
    return overdue


class Sweeper:
    """Sweeps once a second in a thread of its own, and tells that the worker lives."""

    def __init__(self, engine: Engine, queue: Queue, heartbeat: Heartbeat) -> None:
        self._engine = engine
        self._queue = queue
        self._heartbeat = heartbeat
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="sweep", daemon=True)

    def start(self) -> None:
        """Begin to sweep."""
        self._thread.start()

    def stop(self) -> None:
        """Stop sweeping, wait for the sweep that is under way, and sign off."""
        self._stopped.set()
        self._thread.join()
        self._heartbeat.stop()

    def _run(self) -> None:
        while not self._stopped.wait(EVERY_SECONDS):
            try:
                self._heartbeat.beat_if_due(dict)
                sweep(self._engine, self._queue)
            except (*DATABASE_LOST, BusError) as error:
                log_event(logger, "sweep_failed", level=logging.WARNING, reason=str(error))
