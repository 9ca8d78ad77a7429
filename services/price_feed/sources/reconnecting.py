"""How long to leave a venue alone before the next connection: longer after each failure in a row."""

import random
from collections.abc import Callable

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
MOST_JITTER = 0.4
PROVEN_AFTER_SECONDS = 60.0


class ReconnectDelay:
    """Doubles from 0.5 to 30 s, each and up to 40 % by chance; a connection that lived a minute starts it anew."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._next = FIRST_SECONDS

    def after(self, lived_seconds: float) -> float:
        """Return how many seconds to wait after a connection that lived so long, 0 if it never opened."""
        if lived_seconds >= PROVEN_AFTER_SECONDS:
            self._next = FIRST_SECONDS
        seconds, self._next = self._next, min(self._next * 2, LONGEST_SECONDS)
        return seconds * (1 + MOST_JITTER * self._chance())
