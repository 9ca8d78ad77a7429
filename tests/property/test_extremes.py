from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.extremes import PriceRange, SuffixExtremes
from shared.domain.ticks import PriceTick

Path = list[tuple[int, int, Decimal]]


@st.composite
def paths(draw: st.DrawFn) -> Path:
    """Ticks with rising places, times that may tie or go back, and few prices, so that equal ones are common."""
    steps = draw(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 9), st.integers(-3, 3)), max_size=25))
    path, place = [], 0
    for step, occurred_at, price in steps:
        place += step
        path.append((place, occurred_at, Decimal(price)))
    return path


def looked_up(path: Path, place: int) -> PriceRange | None:
    """The plain answer: look at every tick after the place."""
    after = [tick for tick in path if tick[0] > place]
    if not after:
        return None
    lowest = min(after, key=lambda tick: tick[2])
    highest = max(after, key=lambda tick: tick[2])
    return PriceRange(
        lowest=lowest[2],
        lowest_at=lowest[1],
        highest=highest[2],
        highest_at=highest[1],
        last=after[-1][2],
        place=after[-1][0],
        count=len(after),
    )


def pushed(path: Path) -> SuffixExtremes:
    extremes = SuffixExtremes()
    push(extremes, path)
    return extremes


def push(extremes: SuffixExtremes, path: Path) -> None:
    extremes.push(
        PriceTick(symbol="MNQ1!", place=place, occurred_at=occurred_at, price=price)
        for place, occurred_at, price in path
    )


@given(paths())
def test_the_extremes_since_any_place_are_those_of_a_look_at_every_tick(path: Path) -> None:
    extremes = pushed(path)
    assert extremes.place == (path[-1][0] if path else 0)
    for place in range(extremes.place + 2):
        assert extremes.since(place) == looked_up(path, place)


@given(paths(), st.integers(0, 20))
def test_they_are_so_at_any_time_on_the_way(path: Path, place: int) -> None:
    extremes = SuffixExtremes()
    for length, tick in enumerate(path, start=1):
        push(extremes, [tick])
        assert extremes.since(place) == looked_up(path[:length], place)


@given(paths(), st.integers(0, 50))
def test_forgetting_the_beginning_changes_no_answer_about_the_rest(path: Path, through: int) -> None:
    extremes = pushed(path)
    extremes.forget_through(through)
    for place in range(through, 80):
        assert extremes.since(place) == looked_up(path, place)


@given(paths(), st.integers(0, 50), paths())
def test_what_comes_after_a_forgotten_beginning_is_counted_as_ever(path: Path, through: int, more: Path) -> None:
    extremes = pushed(path)
    extremes.forget_through(through)
    last = path[-1][0] if path else 0
    later = [(last + place, occurred_at, price) for place, occurred_at, price in more]
    push(extremes, later)
    for place in range(through, 160, 3):
        assert extremes.since(place) == looked_up([*path, *later], place)


def test_the_first_of_equal_lows_gives_the_moment() -> None:
    path = [(1, 10, Decimal(5)), (2, 20, Decimal(3)), (3, 30, Decimal(4)), (4, 40, Decimal(3))]
    extremes = pushed(path)
    since_the_start, since_the_first_low = extremes.since(0), extremes.since(2)
    assert since_the_start is not None
    assert since_the_start.lowest_at == 20
    assert since_the_first_low is not None
    assert since_the_first_low.lowest_at == 40
