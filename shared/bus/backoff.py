"""How long to leave a lost server alone: twice as long after each failure in a row, up to a bound."""

import time

FIRST_SECONDS = 0.05
LONGEST_SECONDS = 2.0


class Backoff:
    """The pause that failures in a row ask for."""

    def __init__(self) -> None:
        self._seconds = FIRST_SECONDS
        self._until = 0.0

    def failed(self) -> None:
        """Begin the next, longer pause."""
        self._until = time.monotonic() + self._seconds
        self._seconds = min(self._seconds * 2, LONGEST_SECONDS)

    def reset(self) -> None:
        """Forget the failures: the server answered."""
        self._seconds = FIRST_SECONDS

    def holds(self) -> bool:
        """Whether the pause is still on."""
        return time.monotonic() < self._until

    def sleep(self, longest: float) -> None:
        """Sit the pause out, or the part of it that fits into `longest` seconds."""
        time.sleep(max(0.0, min(longest, self._until - time.monotonic())))
