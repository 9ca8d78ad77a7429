"""How often something may happen a minute, counted in the memory of this process.

In memory rather than in Redis: it costs no round trip, and it still counts while Redis is away. With several web
replicas each counts for itself, which is close enough for what a limit is for: one runaway alert or password guesser.
"""

import time
from collections import Counter
from collections.abc import Callable, Hashable
from threading import Lock

WINDOW_SECONDS = 60


class RateLimit:
    """Counts by key in fixed windows of a minute, and forgets all of them when the next one begins."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._lock = Lock()
        self._window = 0
        self._counts: Counter[Hashable] = Counter()

    def allows(self, key: Hashable) -> bool:
        """Count one more for the key; False once it is over the limit."""
        with self._lock:
            window = int(self._clock() // WINDOW_SECONDS)
            if window != self._window:
                self._window = window
                self._counts.clear()
            self._counts[key] += 1
            return self._counts[key] <= self._limit

    def retry_after_seconds(self) -> int:
        """How long until the window ends, rounded up."""
        return WINDOW_SECONDS - int(self._clock() % WINDOW_SECONDS)
