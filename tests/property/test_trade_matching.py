"""Pairing two lists of trades, compared with trying every pairing there is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.trade_matching import match_trades

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Trade:
    direction: int
    entered_at: int
    exited_at: int | None


trades = st.lists(
    st.builds(
        Trade,
        direction=st.sampled_from([1, -1]),
        entered_at=st.integers(0, 12),
        exited_at=st.none() | st.integers(0, 20),
    ),
    max_size=5,
)


def order(trade: Trade, index: int) -> tuple[int, bool, int, int]:
    return trade.entered_at, trade.exited_at is None, trade.exited_at or 0, index


def every_pairing(left: Sequence[Trade], right: Sequence[Trade], window: int, start: int = 0) -> Iterator[Pairs]:
    """All that pair trades of one side within the window, each at most once, without crossing."""
    if start == len(left):
        yield ()
        return
    for rest in every_pairing(left, right, window, start + 1):
        yield rest
        for j, trade in enumerate(right):
            pair = (start, j)
            within = abs(left[start].entered_at - trade.entered_at) <= window
            if left[start].direction == trade.direction and within and fits(pair, rest, left, right):
                yield (pair, *rest)


def fits(pair: tuple[int, int], others: Pairs, left: Sequence[Trade], right: Sequence[Trade]) -> bool:
    i, j = pair
    for k, m in others:
        if m == j:
            return False
        same_side = left[i].direction == left[k].direction
        before = order(left[i], i) < order(left[k], k)
        if same_side and before != (order(right[j], j) < order(right[m], m)):
            return False
    return True


def worth(pairs: Pairs, left: Sequence[Trade], right: Sequence[Trade]) -> tuple[int, int, int]:
    entries = sum(abs(left[i].entered_at - right[j].entered_at) for i, j in pairs)
    exits = sum(
        abs(leaving - other)
        for leaving, other in ((left[i].exited_at, right[j].exited_at) for i, j in pairs)
        if leaving is not None and other is not None
    )
    return len(pairs), -entries, -exits


@given(left=trades, right=trades, window=st.integers(0, 6))
def test_the_pairing_is_one_of_the_best_there_are(left: list[Trade], right: list[Trade], window: int) -> None:
    possible = {tuple(sorted(pairs)) for pairs in every_pairing(left, right, window)}

    found = tuple(match_trades(left, right, window))

    assert found in possible
    assert worth(found, left, right) == max(worth(pairs, left, right) for pairs in possible)


@given(left=trades, right=trades, window=st.integers(0, 6))
def test_the_same_lists_are_paired_in_the_same_way(left: list[Trade], right: list[Trade], window: int) -> None:
    assert match_trades(left, right, window) == match_trades(list(left), list(right), window)


@given(left=trades)
def test_a_list_is_paired_with_itself(left: list[Trade]) -> None:
    assert match_trades(left, left, 0) == [(index, index) for index in range(len(left))]


def test_what_is_equal_goes_to_the_trade_that_comes_first() -> None:
    one, two = Trade(1, 10, 20), Trade(1, 10, 20)

    assert match_trades([one], [one, two], 5) == [(0, 0)]
    assert match_trades([one, two], [one], 5) == [(0, 0)]


def test_a_nearer_entry_counts_before_a_nearer_exit() -> None:
    assert match_trades([Trade(1, 10, 20)], [Trade(1, 11, 40), Trade(1, 12, 20)], 5) == [(0, 0)]


def test_more_pairs_count_before_nearer_entries() -> None:
    assert match_trades([Trade(1, 0, 5), Trade(1, 4, 9)], [Trade(1, 4, 9), Trade(1, 8, 9)], 4) == [(0, 0), (1, 1)]


def test_thousands_of_trades_in_one_window_are_paired_soon() -> None:
    many = [Trade(1, 60 * number, 60 * number + 50) for number in range(3000)]

    assert len(match_trades(many, many, 900)) == 3000
