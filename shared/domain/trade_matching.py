"""Pairs two lists of trades: same side, in order, entries close in time; what the pairs differ in is not asked."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Timed(Protocol):
    """What pairing asks of a trade; times in ns, UTC."""

    @property
    def direction(self) -> int:
        """1 for long, -1 for short."""

    @property
    def entered_at(self) -> int:
        """When it was entered."""

    @property
    def exited_at(self) -> int | None:
        """When it was closed; None while it is open."""


class _Chain(NamedTuple):
    """The best pairs found so far, newest first: how many, how far apart their entries and exits are, and which."""

    pairs: int
    entry_distance: int
    exit_distance: int
    last: "tuple[int, int, _Chain] | None"


NOTHING = _Chain(0, 0, 0, None)


def match_trades(left: Sequence[Timed], right: Sequence[Timed], window_ns: int) -> list[tuple[int, int]]:
    """Pair trades by their indices, in order of the left.

    A pair is of one side, and its entries lie at most `window_ns` apart. In the order of their entries (those of one
    moment in the order of their exits, then of the list) pairs never cross. Of all such pairings it is one with the
    most pairs, among these one with the smallest sum of distances between entries, then between exits; what is still
    equal goes to the trade that comes first.
    """
    pairs = []
    for direction in (1, -1):
        lefts, rights = _in_order(left, direction), _in_order(right, direction)
        chain = _best_chain([left[index] for index in lefts], [right[index] for index in rights], window_ns)
        while chain.last:
            i, j, chain = chain.last
            pairs.append((lefts[i], rights[j]))
    return sorted(pairs)


def _in_order(trades: Sequence[Timed], direction: int) -> list[int]:
    of_side = [index for index, trade in enumerate(trades) if trade.direction == direction]
    return sorted(of_side, key=lambda index: (trades[index].entered_at, _exit(trades[index]), index))


def _exit(trade: Timed) -> tuple[bool, int]:
    """Order exits by time, those still to come last."""
    return trade.exited_at is None, 0 if trade.exited_at is None else trade.exited_at


def _best_chain(left: Sequence[Timed], right: Sequence[Timed], window_ns: int) -> _Chain:
    """Go through the left in order; `best[j]` is the best pairing with the first j of the right.

    Beyond the reach of the last left trade `best` stays what it is there, so only the window's part is looked at.
    """
    moments = [trade.entered_at for trade in right]
    best = [NOTHING]
    for i, trade in enumerate(left):
        low = bisect_left(moments, trade.entered_at - window_ns)
        high = bisect_right(moments, trade.entered_at + window_ns)
        best += [best[-1]] * (high + 1 - len(best))
        before = best[low]
        for j in range(low, high):
            paired = _with(before, i, j, trade, right[j])
            before = best[j + 1]
            best[j + 1] = max(before, best[j], paired, key=_rank)
    return best[-1]


def _with(chain: _Chain, i: int, j: int, left: Timed, right: Timed) -> _Chain:
    return _Chain(
        chain.pairs + 1,
        chain.entry_distance + abs(left.entered_at - right.entered_at),
        chain.exit_distance + _exit_distance(left, right),
        (i, j, chain),
    )


def _exit_distance(left: Timed, right: Timed) -> int:
    """How far apart two exits are; one that is still open is not compared."""
    if left.exited_at is None or right.exited_at is None:
        return 0
    return abs(left.exited_at - right.exited_at)


def _rank(chain: _Chain) -> tuple[int, int, int]:
    """More pairs first, then nearer entries, then nearer exits."""
    return chain.pairs, -chain.entry_distance, -chain.exit_distance
