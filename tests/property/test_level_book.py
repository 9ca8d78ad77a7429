from decimal import Decimal

import pytest
from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shared.domain.level_book import LevelBook

KEYS = st.integers(0, 8)
LEVELS = st.one_of(st.none(), st.integers(-5, 5).map(Decimal), st.sampled_from([Decimal("0.5"), Decimal("1.0")]))
PRICES = st.integers(-12, 12).map(lambda half_points: Decimal(half_points) / 2)


class LevelBookAgainstALoop(RuleBasedStateMachine):
    """The book beside a dictionary that is searched whole at every price."""

    def __init__(self) -> None:
        super().__init__()
        self.book: LevelBook[int] = LevelBook()
        self.levels: dict[int, tuple[Decimal | None, Decimal | None]] = {}

    @rule(key=KEYS, below=LEVELS, above=LEVELS)
    def add(self, key: int, below: Decimal | None, above: Decimal | None) -> None:
        self.book.add(key, below, above)
        self.levels[key] = (below, above)

    @rule(key=KEYS, times=st.integers(20, 60))
    def move_often(self, key: int, times: int) -> None:
        for step in range(times):
            self.add(key, Decimal(step % 7 - 5), Decimal(5 - step % 5))

    @rule(key=KEYS)
    def remove(self, key: int) -> None:
        self.book.remove(key)
        self.levels.pop(key, None)

    @rule(price=PRICES)
    def reach(self, price: Decimal) -> None:
        expected = [
            key
            for key, (below, above) in self.levels.items()
            if (below is not None and price <= below) or (above is not None and price >= above)
        ]
        note(f"{price=} {expected=}")
        reached = self.book.reached(price)
        assert sorted(reached) == sorted(expected)
        for key in expected:
            del self.levels[key]

    @rule(price=PRICES)
    def passed(self, price: Decimal) -> None:
        expected = [
            key
            for key, (below, above) in self.levels.items()
            if (below is not None and price < below) or (above is not None and price > above)
        ]
        assert sorted(self.book.passed(price)) == sorted(expected)
        for key in expected:
            del self.levels[key]

    @invariant()
    def the_same_keys_wait(self) -> None:
        assert len(self.book) == len(self.levels)
        assert all(key in self.book for key in self.levels)


TestLevelBookAgainstALoop = LevelBookAgainstALoop.TestCase
TestLevelBookAgainstALoop.settings = settings(stateful_step_count=30, max_examples=3 * settings().max_examples)


def test_a_thousand_moves_of_one_level_leave_a_small_book() -> None:
    book: LevelBook[str] = LevelBook()
    for level in range(1000):
        book.add("a", Decimal(level), Decimal(level + 2000))
    assert book._waiting < 100
    assert book.reached(Decimal(999)) == ["a"]


@pytest.mark.parametrize(
    ("price", "reached"), [("98", ["a"]), ("98.25", []), ("100", []), ("101.75", []), ("102", ["a"]), ("500", ["a"])]
)
def test_a_level_is_reached_at_it_and_beyond(price: str, reached: list[str]) -> None:
    book: LevelBook[str] = LevelBook()
    book.add("a", Decimal("98.00"), Decimal(102))
    assert book.reached(Decimal(price)) == reached
    assert book.reached(Decimal(price)) == []


def test_a_level_that_is_set_again_and_again_where_it_is_leaves_a_small_book() -> None:
    book: LevelBook[int] = LevelBook()
    for _ in range(1000):
        book.add(1, Decimal(90), Decimal(110))

    assert book._waiting < 100
    assert (book.reached(Decimal(110)), book.reached(Decimal(90))) == ([1], [])
