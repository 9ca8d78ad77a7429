"""Stops that follow the best price, beside a dictionary in which each of them is computed anew at every price."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shared.domain.trail import Trail
from shared.domain.trailing_book import TrailingBook

KEYS = st.integers(0, 12)
PRICES = st.integers(-40, 40).map(lambda half_points: Decimal(half_points) / 2)
TRAILS = st.builds(
    Trail,
    planned=st.integers(-30, 10).map(Decimal),
    distance=st.sampled_from([Fraction(text) for text in ("1", "2", "2.5", "7/3", "4", "0.3", "-1")]),
    tick_size=st.sampled_from([Decimal(1), Decimal("0.5")]),
    step_ticks=st.sampled_from([1, 1, 2, 3, 7]),
)


class TrailingBookAgainstALoop(RuleBasedStateMachine):
    """The book beside every key's best price and trail."""

    def __init__(self) -> None:
        super().__init__()
        self.book: TrailingBook[int] = TrailingBook()
        self.seen: dict[int, tuple[Decimal, Trail]] = {}

    @rule(key=KEYS, best=PRICES, trail=TRAILS)
    def add(self, key: int, best: Decimal, trail: Trail) -> None:
        self.book.add(key, best, trail)
        self.seen[key] = (best, trail)

    @rule(key=KEYS, trail=TRAILS, times=st.integers(20, 120))
    def move_often(self, key: int, trail: Trail, times: int) -> None:
        for step in range(times):
            self.add(key, Decimal(step % 7), trail)

    @rule(key=KEYS)
    def remove(self, key: int) -> None:
        self.book.remove(key)
        self.seen.pop(key, None)

    @rule(price=PRICES)
    def reach(self, price: Decimal) -> None:
        expected = [
            key
            for key, (best, trail) in self.seen.items()
            if price <= trail.stop_at(best) and price <= best - trail.reach
        ]
        note(f"{price=} {expected=}")
        assert sorted(self.book.reached(price)) == sorted(expected)
        self.seen = {key: (max(best, price), trail) for key, (best, trail) in self.seen.items() if key not in expected}

    @rule(prices=st.lists(PRICES, max_size=20))
    def reach_many(self, prices: list[Decimal]) -> None:
        for price in prices:
            self.reach(price)

    @invariant()
    def the_same_keys_wait(self) -> None:
        assert len(self.book) == len(self.seen)
        assert all(key in self.book for key in self.seen)


TestTrailingBookAgainstALoop = TrailingBookAgainstALoop.TestCase
TestTrailingBookAgainstALoop.settings = settings(stateful_step_count=40, max_examples=3 * settings().max_examples)


@given(TRAILS, PRICES)
def test_the_stop_stands_until_its_next_step_and_no_longer_than_the_grid_allows(trail: Trail, best: Decimal) -> None:
    step = trail.next_step_after(best)
    assert trail.stop_at(step - Decimal("0.001")) == trail.stop_at(best)
    assert trail.stop_at(step + Decimal("0.001")) > trail.stop_at(best)


@given(TRAILS, PRICES)
def test_no_stop_above_the_planned_one_is_nearer_to_the_best_price_than_its_reach(trail: Trail, best: Decimal) -> None:
    stop = trail.stop_at(best)
    assert stop == trail.planned or best - stop >= trail.reach


class CountingTrail(Trail):
    """Counts how often a stop is computed."""

    asked = 0

    def stop_at(self, best: Decimal) -> Decimal:
        CountingTrail.asked += 1
        return super().stop_at(best)


def test_a_market_that_rises_and_dips_computes_no_stop_of_ten_thousand() -> None:
    book: TrailingBook[int] = TrailingBook()
    for key in range(10_000):
        distance = Fraction(40 + key % 500, 4)
        trail = CountingTrail(
            planned=Decimal(-1000), distance=distance, tick_size=Decimal("0.25"), step_ticks=1 + key % 9
        )
        book.add(key, Decimal(100 + key % 300), trail)
    assert book.reached(Decimal(400)) == []
    CountingTrail.asked, watched = 0, len(book._alarms)
    for rise in range(2_000):
        assert book.reached(Decimal(400 + rise)) == []
        assert book.reached(Decimal(400 + rise - 9)) == []
    assert CountingTrail.asked == 0
    assert (len(book._alarms), len(book._pinned), len(book._buckets)) == (watched, 0, 1)
