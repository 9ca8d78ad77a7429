"""Settles trading days in the background, so that pages add up days and not every trade."""

import logging
from threading import Event, Thread

from shared.logs import log_event
from shared.store.database import DATABASE_LOST, Engine
from shared.store.settling import add_scopes, settle_piece

EVERY_SECONDS = 15.0
PAUSE_SECONDS = 0.05  # between pieces, for who waits for what a piece has locked

logger = logging.getLogger(__name__)


class Settler:
    """Settles what is over, in a thread of its own; of several workers one does it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="settle", daemon=True)

    def start(self) -> None:
        """Begin to settle."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, after the piece that is under way."""
        self._stopped.set()
        self._thread.join()

    def settle(self) -> None:
        """Settle all that can be, piece by piece."""
        with self._engine.begin() as connection:
            add_scopes(connection)
        has_more = True
        while has_more and not self._stopped.wait(PAUSE_SECONDS):
            with self._engine.begin() as connection:
                has_more = settle_piece(connection)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.settle()
            except DATABASE_LOST as error:
                log_event(logger, "settling_failed", level=logging.WARNING, reason=str(error).partition("\n")[0])
            self._stopped.wait(EVERY_SECONDS)
