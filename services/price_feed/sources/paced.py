"""Lets prepared messages out at their time, as if they happened now; where they come from is not its business."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

from shared.domain.quotes import Gap, SourceMessage
from shared.domain.timestamps import NS_PER_SECOND, NS_PER_US

MICROSECOND = Decimal("0.000001")
MOST_AT_ONCE = 200


class PacedSource:
    """Messages with times of their own, shifted to now and compressed by `speed`.

    The first one is due when it is first asked for. After `resume` the same holds for the one that is next then.
    """

    def __init__(
        self,
        messages: Iterator[SourceMessage],
        *,
        speed: Decimal = Decimal(1),
        now_ns: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._messages = messages
        self._speed = speed
        self._now_ns = now_ns
        self._sleep = sleep
        self._next = next(messages, None)
        self._began_at: int | None = None
        self._began_with = 0

    @property
    def ended(self) -> bool:
        """Whether the last message is out."""
        return self._next is None

    def resume(self) -> None:
        """Make the next message due now, and the others as long after it as they are."""
        self._began_at = None

    def status(self) -> Mapping[str, object]:
        """Nothing to add: what is prepared does not break."""
        return {}

    def close(self) -> None:
        """Stand still; opened again, it goes on with the message that is next."""
        self.resume()

    def next_batch(self, timeout: float) -> list[SourceMessage]:
        """Take what is due, at most 200 at once; wait for the next if nothing is, at most `timeout` seconds."""
        if self._next is None:
            self._sleep(timeout)
            return []
        now = self._now_ns()
        wait = (self._due_at(self._next, now) - now) / NS_PER_SECOND
        if wait > 0:
            self._sleep(min(wait, timeout))
            now = self._now_ns()
        return self._take_due(now)

    def _take_due(self, now: int) -> list[SourceMessage]:
        batch: list[SourceMessage] = []
        while self._next is not None and len(batch) < MOST_AT_ONCE:
            due_at = self._due_at(self._next, now)
            if due_at > now:
                break
            batch.append(self._shifted(self._next, due_at))
            self._next = next(self._messages, None)
        return batch

    def _due_at(self, message: SourceMessage, now: int) -> int:
        if self._began_at is None:
            self._began_at, self._began_with = now, message.occurred_at
        # A file that is ordered by ids may go back in time; its messages stay in order.
        elapsed = max(0, message.occurred_at - self._began_with)
        return self._began_at + int(elapsed / self._speed)

    def _shifted(self, message: SourceMessage, due_at: int) -> SourceMessage:
        """The message at the time when it is due, in the microseconds that are kept everywhere."""
        occurred_at = due_at // NS_PER_US * NS_PER_US
        if isinstance(message, Gap):
            gap_seconds = (message.gap_seconds / self._speed).quantize(MICROSECOND, ROUND_CEILING)
            return replace(message, occurred_at=occurred_at, gap_seconds=gap_seconds)
        return replace(message, occurred_at=occurred_at)
