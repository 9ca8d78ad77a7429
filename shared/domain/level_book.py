"""Which positions a price reaches, without looking at the others; it does not know what happens at a level."""

import operator
from collections.abc import Callable, Hashable, Iterator
from decimal import Decimal
from heapq import heappop, heappush
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

_Comparison = Callable[[Decimal, Decimal], bool]

EVERY_PRICE = Decimal("Infinity")
_SLACK = 64


class LevelBook(Generic[Key]):
    """For each key the next price below and above at which something happens; as in an order book, keys share levels.

    A moved or removed key stays at its level until that is reached or most of those who wait are stale:
    a change costs O(log n) of the number of levels, a tick that reaches nobody's level two comparisons.
    """

    def __init__(self) -> None:
        self._levels: dict[Key, tuple[_Level[Key] | None, _Level[Key] | None]] = {}
        self._below: _Side[Key] = _Side()  # of negated prices, so that the highest is first
        self._above: _Side[Key] = _Side()
        self._waiting = 0

    def __len__(self) -> int:
        return len(self._levels)

    def __contains__(self, key: Key) -> bool:
        return key in self._levels

    @property
    def quiet_between(self) -> tuple[Decimal, Decimal]:
        """The prices between which nothing is reached, themselves not counted; perhaps nearer than need be."""
        return self._below.first.copy_negate(), self._above.first

    def add(self, key: Key, below: Decimal | None, above: Decimal | None) -> None:
        """Set the levels of `key`; None means that nothing happens on that side."""
        self._levels[key] = (
            None if below is None else self._below.at(below.copy_negate()),
            None if above is None else self._above.at(above),
        )
        self._wait(key)
        if self._waiting > 4 * len(self._levels) + _SLACK:
            self._drop_stale()

    def remove(self, key: Key) -> None:
        """Forget `key`; one that is not here is no error."""
        self._levels.pop(key, None)

    def reached(self, price: Decimal) -> list[Key]:
        """Take out and return the keys with `price <= below` or `price >= above`."""
        below = self._take(0, self._below, price.copy_negate(), operator.le)
        return below + self._take(1, self._above, price, operator.le)

    def passed(self, price: Decimal) -> list[Key]:
        """Take out and return the keys with `price < below` or `price > above`."""
        below = self._take(0, self._below, price.copy_negate(), operator.lt)
        return below + self._take(1, self._above, price, operator.lt)

    def _take(self, number: int, side: "_Side[Key]", limit: Decimal, is_within: _Comparison) -> list[Key]:
        keys = []
        for level in side.take_while(is_within, limit):
            self._waiting -= len(level.keys)
            for key in level.keys:
                levels = self._levels.get(key)
                if levels and levels[number] is level:
                    keys.append(key)
                    del self._levels[key]
        return keys

    def _wait(self, key: Key) -> None:
        for level in self._levels[key]:
            if level:
                level.keys.append(key)
                self._waiting += 1

    def _drop_stale(self) -> None:
        """Begin anew from the levels of those who are held."""
        self._below.forget_keys()
        self._above.forget_keys()
        self._waiting = 0
        for key in self._levels:
            self._wait(key)
        self._below.drop_empty()
        self._above.drop_empty()


class _Level(Generic[Key]):
    """A price and who waits there, some of them perhaps no longer."""

    __slots__ = ("keys",)

    def __init__(self) -> None:
        self.keys: list[Key] = []


class _Side(Generic[Key]):
    """The levels on one side of the price, nearest first: numbers here grow with the distance."""

    __slots__ = ("_heap", "_levels")

    def __init__(self) -> None:
        self._heap: list[Decimal] = []
        self._levels: dict[Decimal, _Level[Key]] = {}

    @property
    def first(self) -> Decimal:
        return self._heap[0] if self._heap else EVERY_PRICE

    def at(self, number: Decimal) -> "_Level[Key]":
        level = self._levels.get(number)
        if level is None:
            level = self._levels[number] = _Level()
            heappush(self._heap, number)
        return level

    def take_while(self, is_within: _Comparison, limit: Decimal) -> "Iterator[_Level[Key]]":
        while self._heap and is_within(self._heap[0], limit):
            yield self._levels.pop(heappop(self._heap))

    def forget_keys(self) -> None:
        for level in self._levels.values():
            level.keys = []

    def drop_empty(self) -> None:
        self._levels = {number: level for number, level in self._levels.items() if level.keys}
        self._heap = sorted(self._levels)
