"""Lowest and highest price since any place, at an amortised O(1) a tick and O(log n) a question."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

_AT_ONCE = 1000
_Tick = tuple[int, int, Decimal]


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
    because the first moment of an extreme counts. Ticks come onto the stacks many at a time, when somebody asks.
    """

    def __init__(self) -> None:
        self._places: list[int] = []
        self._minima = _Stack()
        self._maxima = _Stack()
        self._last = Decimal(0)
        self._recent: list[_Tick] = []

    @property
    def place(self) -> int:
        """The place of the last tick; 0 before the first."""
        if self._recent:
            return self._recent[-1][0]
        return self._places[-1] if self._places else 0

    def push(self, place: int, occurred_at: int, price: Decimal) -> None:
        """Append a tick; its place is beyond the last one."""
        self._recent.append((place, occurred_at, price))
        if len(self._recent) >= _AT_ONCE:
            self._stack_recent()

    def since(self, place: int) -> PriceRange | None:
        """Summarise the ticks after `place`; None where there are none."""
        self._stack_recent()
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
        self._stack_recent()
        del self._places[: bisect_right(self._places, place)]
        self._minima.forget_through(place)
        self._maxima.forget_through(place)

    def _stack_recent(self) -> None:
        """Look at the new ticks from the last one back: only one that no later one surpasses gets onto a stack."""
        if not self._recent:
            return
        lows, highs = [self._recent[-1]], [self._recent[-1]]
        low = high = self._last = self._recent[-1][2]
        for tick in islice(reversed(self._recent), 1, None):
            price = tick[2]
            if price <= low:
                low = price
                lows.append(tick)
            if price >= high:
                high = price
                highs.append(tick)
        self._minima.keep_while(low.__ge__, lows)
        self._maxima.keep_while(high.__le__, highs)
        self._places += [tick[0] for tick in self._recent]
        self._recent.clear()


class _Stack:
    __slots__ = ("moments", "places", "prices")

    def __init__(self) -> None:
        self.places: list[int] = []
        self.moments: list[int] = []
        self.prices: list[Decimal] = []

    def keep_while(self, stays: Callable[[Decimal], bool], backwards: list[_Tick]) -> None:
        """Pop what does not stay in view of the new ticks, and put these on top, the last of them first."""
        while self.prices and not stays(self.prices[-1]):
            self.places.pop()
            self.moments.pop()
            self.prices.pop()
        for place, occurred_at, price in reversed(backwards):
            self.places.append(place)
            self.moments.append(occurred_at)
            self.prices.append(price)

    def first_after(self, place: int) -> tuple[Decimal, int]:
        index = bisect_right(self.places, place)
        return self.prices[index], self.moments[index]

    def forget_through(self, place: int) -> None:
        count = bisect_right(self.places, place)
        del self.places[:count], self.moments[:count], self.prices[:count]
