"""Which positions a price reaches, without looking at the others; it does not know what happens at a level."""

from collections.abc import Hashable
from decimal import Decimal
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

EVERY_PRICE = Decimal("Infinity")
_SLACK = 64


class LevelBook(Generic[Key]):
    """For each key the next price below and above at which something happens, in two heaps.

    A moved or removed level stays in its heap until it surfaces or most of the heap is stale:
    a change costs O(log n), a tick that reaches nobody's level two comparisons.
    """

    def __init__(self) -> None:
        self._levels: dict[Key, tuple[Decimal | None, Decimal | None]] = {}
        self._below: list[tuple[Decimal, int, Key]] = []  # negated, so that the highest level is first
        self._above: list[tuple[Decimal, int, Key]] = []
        self._pushed = 0

    def __len__(self) -> int:
        return len(self._levels)

    def __contains__(self, key: Key) -> bool:
        return key in self._levels

    @property
    def quiet_between(self) -> tuple[Decimal, Decimal]:
        """The prices between which nothing is reached, themselves not counted; perhaps nearer than need be."""
        return (
            self._below[0][0].copy_negate() if self._below else -EVERY_PRICE,
            self._above[0][0] if self._above else EVERY_PRICE,
        )

    def add(self, key: Key, below: Decimal | None, above: Decimal | None) -> None:
        """Set the levels of `key`; None means that nothing happens on that side."""
        self._levels[key] = (below, above)
        self._pushed += 1  # breaks ties, so that keys need no order
        if below is not None:
            heappush(self._below, (below.copy_negate(), self._pushed, key))
        if above is not None:
            heappush(self._above, (above, self._pushed, key))
        if len(self._below) + len(self._above) > 4 * len(self._levels) + _SLACK:
            self._drop_stale()

    def remove(self, key: Key) -> None:
        """Forget `key`; one that is not here is no error."""
        self._levels.pop(key, None)

    def reached(self, price: Decimal) -> list[Key]:
        """Take out and return the keys with `price <= below` or `price >= above`."""
        keys = []
        while self._below and self._below[0][0].copy_negate() >= price:
            level, _, key = heappop(self._below)
            if self._levels.get(key, (None, None))[0] == level.copy_negate():
                keys.append(key)
                del self._levels[key]
        while self._above and self._above[0][0] <= price:
            level, _, key = heappop(self._above)
            if self._levels.get(key, (None, None))[1] == level:
                keys.append(key)
                del self._levels[key]
        return keys

    def _drop_stale(self) -> None:
        """Begin anew from the levels: the entry of a key that was added twice at one level looks like one of them."""
        numbered = list(enumerate(self._levels.items()))
        self._below = [(below.copy_negate(), n, key) for n, (key, (below, _)) in numbered if below is not None]
        self._above = [(above, n, key) for n, (key, (_, above)) in numbered if above is not None]
        self._pushed = len(numbered)
        heapify(self._below)
        heapify(self._above)
