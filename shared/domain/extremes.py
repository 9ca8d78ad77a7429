"""Lowest and highest price since any place, at an amortised O(1) a tick and O(log n) a question."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import islice

from msgspec import Struct

from shared.domain.ticks import PriceTick

_AT_ONCE = 1000


class PriceRange(Struct, frozen=True, kw_only=True, gc=False):
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

    Two monotonic stacks: a tick stays on the stack of minima until a lower one comes. Equal prices stay apart,
    because the first moment of an extreme counts. Ticks come onto the stacks many at a time, when somebody asks.
    """

    def __init__(self) -> None:
        self._places: list[int] = []
        self._minima: list[PriceTick] = []
        self._maxima: list[PriceTick] = []
        self._recent: list[PriceTick] = []

    @property
    def place(self) -> int:
        """The place of the last tick; 0 before the first."""
        if self._recent:
            return self._recent[-1].place
        return self._places[-1] if self._places else 0

    def push(self, ticks: Iterable[PriceTick]) -> None:
        """Append ticks; each one's place is beyond the last."""
        self._recent += ticks
        if len(self._recent) >= _AT_ONCE:
            self._stack_recent()

    def since(self, place: int) -> PriceRange | None:
        """Summarise the ticks after `place`; None where there are none."""
        self._stack_recent()
        count = len(self._places) - bisect_right(self._places, place)
        if count == 0:
            return None
        lowest = self._minima[_first_after(place, self._minima)]
        highest = self._maxima[_first_after(place, self._maxima)]
        return PriceRange(
            lowest=lowest.price,
            lowest_at=lowest.occurred_at,
            highest=highest.price,
            highest_at=highest.occurred_at,
            last=self._minima[-1].price,
            place=self._places[-1],
            count=count,
        )

    def forget_through(self, place: int) -> None:
        """Let go of the ticks up to and including `place`; nobody asks for a stretch that begins before it."""
        self._stack_recent()
        del self._places[: bisect_right(self._places, place)]
        for stack in (self._minima, self._maxima):
            del stack[: _first_after(place, stack)]

    def _stack_recent(self) -> None:
        """Look at the new ticks from the last one back: only one that no later one surpasses gets onto a stack."""
        if not self._recent:
            return
        last = self._recent[-1]
        lows, highs, low, high = [last], [last], last.price, last.price
        for tick in islice(reversed(self._recent), 1, None):
            price = tick.price
            if price <= low:
                low = price
                lows.append(tick)
            if price >= high:
                high = price
                highs.append(tick)
        _pile(lows, onto=self._minima, hides=low.__lt__)
        _pile(highs, onto=self._maxima, hides=high.__gt__)
        self._places += [tick.place for tick in self._recent]
        self._recent.clear()


def _pile(backwards: list[PriceTick], *, onto: list[PriceTick], hides: Callable[[Decimal], bool]) -> None:
    """Put ticks on a stack, the last of them first, and pop what the extreme among them `hides`."""
    while onto and hides(onto[-1].price):
        onto.pop()
    onto.extend(reversed(backwards))


def _first_after(place: int, stack: list[PriceTick]) -> int:
    return bisect_right(stack, place, key=_place)


def _place(tick: PriceTick) -> int:
    return tick.place
