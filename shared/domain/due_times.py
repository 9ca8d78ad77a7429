"""Whose time has come, without looking at the others; it does not know what happens then."""

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from math import inf
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

_SLACK = 64


class DueTimes(Generic[Key]):
    """For each key a moment, in a heap; a moved or removed one stays there until it surfaces or most are stale."""

    def __init__(self) -> None:
        self._times: dict[Key, int] = {}
        self._heap: list[tuple[int, int, Key]] = []
        self._pushed = 0

    def __len__(self) -> int:
        return len(self._times)

    @property
    def quiet_until(self) -> float:
        """The moment before which nobody's time comes; perhaps earlier than need be."""
        return self._heap[0][0] if self._heap else inf

    def add(self, key: Key, moment: int) -> None:
        """Set the moment of `key`."""
        if self._times.get(key) == moment:
            return
        self._times[key] = moment
        self._pushed += 1  # breaks ties, so that keys need no order
        heappush(self._heap, (moment, self._pushed, key))
        if len(self._heap) > 4 * len(self._times) + _SLACK:
            self._heap = [(due, number, each) for number, (each, due) in enumerate(self._times.items())]
            self._pushed = len(self._heap)
            heapify(self._heap)

    def remove(self, key: Key) -> None:
        """Forget `key`; one that is not here is no error."""
        self._times.pop(key, None)

    def reached(self, now: int) -> list[Key]:
        """Take out and return the keys whose moment is not after `now`."""
        keys = []
        while self._heap and self._heap[0][0] <= now:
            moment, _, key = heappop(self._heap)
            if self._times.get(key) == moment:
                keys.append(key)
                del self._times[key]
        return keys
