"""Writes what books have counted, a little at a time, so that ticks and exits need not wait for it."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.tpsl_worker.book import SymbolBook
from shared.bus.connection import RedisClient
from shared.bus.waiting_bodies import count_waiting
from shared.store.database import Engine
from shared.store.flush import flush_positions

LONGEST_GO_SECONDS = 0.002
GOES_A_FLUSH = 6
CHANGED_A_GO = 50
# A row without a new extreme is written again after a while, so that its place moves on: so many rows a second in all,
# but no row more often than after SOONEST_REWRITE_SECONDS, or later than after this part of the time ticks are kept.
REWRITTEN_A_SECOND = 1000
SOONEST_REWRITE_SECONDS = 1.0
PART_OF_RETENTION = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushTimes:
    """How often to flush, how far to stay behind the newest tick, and how long ticks are kept; in seconds."""

    interval: float = 0.5
    margin: float = 0.25
    retention: float = 3600.0


class Flushes:
    """One flush after the other, each in goes of one symbol in its turn."""

    def __init__(self, engine: Engine, log: RedisClient, times: FlushTimes, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._log = log
        self._times = times
        self._clock = clock
        self._next_at = 0.0
        self._to_go: deque[str] = deque()  # symbols of the flush that is under way, as often as they have a go

    @property
    def are_under_way(self) -> bool:
        """Whether a flush has begun and is not through."""
        return bool(self._to_go)

    def go_on(self, books: Mapping[str, SymbolBook]) -> None:
        """Begin a flush if it is time, and go on with one that is under way, for a moment, a go at least."""
        now = self._clock()
        if not self._to_go and now >= self._next_at:
            self._next_at = now + self._times.interval
            self._to_go.extend([*books] * GOES_A_FLUSH)
        if self._to_go and count_waiting(self._log):  # an alert among them may come before the last ticks counted here
            self._to_go.clear()
        rewritten_after = self._rewritten_after(sum(map(len, books.values())))
        ends_at = time.monotonic() + LONGEST_GO_SECONDS
        while self._to_go:
            book = books.get(self._to_go.popleft())
            if book is not None:
                self._go(book, rewritten_after)
            if time.monotonic() > ends_at:
                return

    def _go(self, book: SymbolBook, rewritten_after: float) -> None:
        now = self._clock()
        book.settle(now - self._times.margin)
        counted = book.count_settled(CHANGED_A_GO, now, rewritten_after=rewritten_after)
        if counted:
            with self._engine.begin() as connection:
                written = flush_positions(connection, counted)
            book.note_written([each for each in counted if each.id in written], now)

    def _rewritten_after(self, positions: int) -> float:
        latest = self._times.retention * PART_OF_RETENTION
        return min(max(positions / REWRITTEN_A_SECOND, SOONEST_REWRITE_SECONDS), latest)
