"""Lowest and highest price since any place, at an amortised O(1) a tick and O(log n) a question."""

from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRange:
    """What a stretch of ticks amounts to: its extremes with the first moment of each, and where it ends."""

    lowest: Decimal
    lowest_at: int
    highest: Decimal
    highest_at: int
    last: Decimal
    place: int
    count: int


class SuffixExtremes:
    """The price path of one symbol, remembered as far as a question about its end can tell the difference.

    Two monotonic stacks: a price stays on the stack of minima until a lower one comes. Equal prices stay apart,
    because the first moment of an extreme counts.
    """

    def __init__(self) -> None:
        self._places: list[int] = []
        self._minima = _Stack()
        self._maxima = _Stack()
        self._last = Decimal(0)

    @property
    def place(self) -> int:
        """The place of the last tick; 0 before the first."""
        return self._places[-1] if self._places else 0

    def push(self, place: int, occurred_at: int, price: Decimal) -> None:
        """Append a tick; its place is beyond the last one."""
        minima, maxima = self._minima, self._maxima
        while minima.prices and minima.prices[-1] > price:
            minima.pop()
        minima.append(place, occurred_at, price)
        while maxima.prices and maxima.prices[-1] < price:
            maxima.pop()
        maxima.append(place, occurred_at, price)
        self._places.append(place)
        self._last = price

    def since(self, place: int) -> PriceRange | None:
        """Summarise the ticks after `place`; None where there are none."""
        count = len(self._places) - bisect_right(self._places, place)
        if count == 0:
            return None
        lowest, lowest_at = self._minima.first_after(place)
        highest, highest_at = self._maxima.first_after(place)
        return PriceRange(
            lowest=lowest,
            lowest_at=lowest_at,
            highest=highest,
            highest_at=highest_at,
            last=self._last,
            place=self._places[-1],
            count=count,
        )

    def forget_through(self, place: int) -> None:
        """Let go of the ticks up to and including `place`; nobody asks for a stretch that begins before it."""
        del self._places[: bisect_right(self._places, place)]
        self._minima.forget_through(place)
        self._maxima.forget_through(place)


class _Stack:
    __slots__ = ("moments", "places", "prices")

    def __init__(self) -> None:
        self.places: list[int] = []
        self.moments: list[int] = []
        self.prices: list[Decimal] = []

    def append(self, place: int, occurred_at: int, price: Decimal) -> None:
        self.places.append(place)
        self.moments.append(occurred_at)
        self.prices.append(price)

    def pop(self) -> None:
        self.places.pop()
        self.moments.pop()
        self.prices.pop()

    def first_after(self, place: int) -> tuple[Decimal, int]:
        index = bisect_right(self.places, place)
        return self.prices[index], self.moments[index]

    def forget_through(self, place: int) -> None:
        count = bisect_right(self.places, place)
        del self.places[:count], self.moments[:count], self.prices[:count]
