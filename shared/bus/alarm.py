"""Wakes recorder workers in the background, for those who have an answer to give first."""

import logging
import time
from threading import Event, Lock, Thread

from redis import RedisError

from shared.bus.queues import Queue, wake_recorder_workers
from shared.logs import log_event

REST_SECONDS = 0.02  # what comes meanwhile is one wake-up, which costs a worker more than it takes to apply a signal

logger = logging.getLogger(__name__)


class Alarm:
    """A thread that wakes after each ring, once for all that rang meanwhile; a lost one the workers' sweep makes up."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._rung = Event()
        self._is_due = self._closing = False
        self._thread: Thread | None = None
        self._starting = Lock()

    def ring(self) -> None:
        """Have a worker woken."""
        if self._thread is None:
            self._start()
        self._is_due = True
        self._rung.set()

    def close(self) -> None:
        """Wake whom a ring was for, and end."""
        self._closing = True
        self._rung.set()
        if self._thread is not None:
            self._thread.join()
        self._queue.connection.close()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="alarm", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._closing:
            self._rung.wait()
            self._rung.clear()
            if self._is_due:
                self._is_due = False
                self._wake()
            time.sleep(REST_SECONDS)

    def _wake(self) -> None:
        try:
            wake_recorder_workers(self._queue)
        except RedisError as error:
            log_event(logger, "wake_failed", level=logging.WARNING, reason=str(error))
