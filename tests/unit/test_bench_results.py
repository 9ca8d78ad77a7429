"""What a bench found out: ratios, goals, and how they are shown."""

from collections.abc import Iterator

import pytest

from cli.bench.results import Goal, Result, as_json, table
from cli.bench.run import medians_in_turns, percentile


def result(*goals: Goal) -> Result:
    return Result(
        case="20 symbols",
        figures={"ticks_per_second": 9000, "p99_ms": 12.5},
        baseline={"ticks_per_second": 12000},
        goals=goals,
    )


def test_the_ratio_is_that_of_the_figure_to_its_baseline() -> None:
    assert result().ratio == 0.75
    assert Result(case="alone", figures={"p99_ms": 1}).ratio is None


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (Goal(figure="ratio", least=0.75), True),
        (Goal(figure="ratio", least=0.8), False),
        (Goal(figure="p99_ms", most=12.5), True),
        (Goal(figure="p99_ms", most=12), False),
    ],
)
def test_a_goal_is_met_within_its_bounds(goal: Goal, *, met: bool) -> None:
    assert result(goal).met is met


def test_one_goal_missed_is_a_miss_and_no_goal_is_neither() -> None:
    assert result(Goal(figure="ratio", least=0.5), Goal(figure="p99_ms", most=1)).met is False
    assert result().met is None


def test_a_goal_whose_figure_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        _ = result(Goal(figure="p50_ms", most=1)).met


def test_goals_of_a_smoke_run_are_not_looked_at() -> None:
    missed = result(Goal(figure="ratio", least=0.8))
    assert as_json("ticks", missed, smoke=True)["met"] is None
    assert as_json("ticks", missed, smoke=False)["met"] is False


def test_the_table_says_what_was_missed() -> None:
    line = as_json("ticks", result(Goal(figure="ratio", least=0.8)), smoke=False)
    assert "ratio ≥ 0.8" in table([line])
    assert "MISSED" in table([line])


def test_measures_take_turns_and_their_medians_count() -> None:
    turns: list[str] = []
    baseline, subject = iter([1.0, 100.0, 3.0]), iter([5.0, 4.0, 600.0])

    def measure(name: str, values: Iterator[float]) -> float:
        turns.append(name)
        return next(values)

    medians = medians_in_turns(3, lambda: measure("baseline", baseline), lambda: measure("subject", subject))

    assert medians == [3.0, 5.0]
    assert turns == ["baseline", "subject"] * 3


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], 99) == 100.0
    assert percentile([float(number) for number in range(1, 101)], 50) == 51.0
    assert percentile([7.0], 99) == 7.0
