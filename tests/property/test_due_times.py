"""Moments in a heap, beside a dictionary that is searched whole."""

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.due_times import DueTimes

KEYS, MOMENTS = st.integers(0, 6), st.integers(0, 20)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), KEYS, MOMENTS),
        st.tuples(st.just("remove"), KEYS, MOMENTS),
        st.tuples(st.just("reached"), KEYS, MOMENTS),
    ),
    max_size=60,
)


@given(STEPS)
def test_who_is_due_is_who_a_search_of_all_finds(steps: list[tuple[str, int, int]]) -> None:
    times: DueTimes[int] = DueTimes()
    plain: dict[int, int] = {}
    for step, key, moment in steps:
        if step == "add":
            times.add(key, moment)
            plain[key] = moment
        elif step == "remove":
            times.remove(key)
            plain.pop(key, None)
        else:
            due = [each for each, at in plain.items() if at <= moment]
            assert sorted(times.reached(moment)) == sorted(due)
            plain = {each: at for each, at in plain.items() if each not in due}
        assert len(times) == len(plain)


def test_moments_that_are_moved_a_thousand_times_leave_a_small_heap() -> None:
    times: DueTimes[str] = DueTimes()
    for moment in range(1000):
        times.add("a", moment)
        times.add("b", 5000)
    assert len(times._heap) < 100
    assert times.reached(999) == ["a"]
    assert times.reached(5000) == ["b"]
