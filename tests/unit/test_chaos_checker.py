"""The checks of a chaos run find what is wrong; a check that cannot fail says nothing."""

import math
from dataclasses import replace

import pytest

from tests.chaos.checker import Findings, SignalRow, accepted_alerts, check_alerts
from tests.chaos.journal import Attempt
from tests.chaos.verdict import describe_latency, shortcomings

RECORDER = 7
GOOD = {
    "lost": 0,
    "applied_twice": 0,
    "out_of_order": 0,
    "differences": 0,
    "late_exits": 0,
    "not_drained": 0,
    "latency": {"p99.9": 2999.9},
    "longest_recovery_seconds": 9.99,
}


def attempt(
    tag: str, at: float = 0.0, outcome: str = "200", *, identified: bool = True, signal_id: int | None = None
) -> Attempt:
    return Attempt(
        tag=tag,
        recorder=0,
        identified=identified,
        sending=0,
        web=0,
        sent_at=at,
        answered_at=at + 0.5,
        outcome=outcome,
        signal_id=signal_id,
    )


def row(tag: str | None, number: int | None, *, status: str = "recorded", row_id: int | None = None) -> SignalRow:
    return SignalRow(id=row_id or number or 0, tag=tag, recorder_id=RECORDER, status=status, sequence=number)


def found(attempts: list[Attempt], rows: list[SignalRow], count: int | None = None) -> Findings:
    return check_alerts(attempts, rows, {RECORDER: len(rows) if count is None else count})


def is_fine(findings: Findings) -> bool:
    return not (findings.lost or findings.applied_twice or findings.out_of_order)


def test_what_was_accepted_and_applied_in_order_is_fine() -> None:
    assert is_fine(found([attempt("a"), attempt("b", 1)], [row("a", 1), row("b", 2)]))


def test_an_accepted_alert_without_a_row_is_lost() -> None:
    assert len(found([attempt("a"), attempt("b", 1)], [row("a", 1)]).lost) == 1


def test_an_alert_that_nobody_accepted_may_be_stored_or_not() -> None:
    for outcome in ("503", "silent", "reset"):
        assert is_fine(found([attempt("a", outcome=outcome)], []))
        assert is_fine(found([attempt("a", outcome=outcome)], [row("a", 1)]))


def test_an_alert_that_never_left_may_not_be_stored() -> None:
    assert found([attempt("a", outcome="refused")], [row("a", 1)]).applied_twice


def test_an_answer_that_names_a_signal_which_is_not_there_tells_of_a_loss() -> None:
    assert found([attempt("a", signal_id=8)], [row("a", 1, row_id=9)]).lost
    assert not found([attempt("a", signal_id=9)], [row("a", 1, row_id=9)]).lost


def test_an_accepted_alert_that_was_never_applied_is_lost() -> None:
    assert found([attempt("a")], [row("a", None, status="accepted")], 0).lost


def test_an_identified_body_has_one_row_however_often_it_was_sent() -> None:
    attempts = [attempt("a"), attempt("a", 1), attempt("a", 2, "silent")]
    assert is_fine(found(attempts, [row("a", 1)]))
    assert found(attempts, [row("a", 1), row("a", 2)]).applied_twice


def test_a_body_without_time_and_id_has_a_row_for_each_accepted_attempt() -> None:
    attempts = [attempt("a", identified=False), attempt("a", 1, identified=False)]
    assert is_fine(found(attempts, [row("a", 1), row("a", 2)]))
    assert found(attempts, [row("a", 1)]).lost
    assert found(attempts, [row("a", 1), row("a", 2), row("a", 3)]).applied_twice


def test_an_unanswered_attempt_with_such_a_body_may_be_one_more() -> None:
    attempts = [attempt("a", outcome="silent", identified=False), attempt("a", 3, identified=False)]
    assert is_fine(found(attempts, [row("a", 1)]))
    assert is_fine(found(attempts, [row("a", 1), row("a", 2)]))
    assert found(attempts, [row("a", 1), row("a", 2), row("a", 3)]).applied_twice


def test_a_body_that_intake_refused_is_no_signal_however_often_it_is_stored() -> None:
    refused = [row("a", None, status="rejected", row_id=number) for number in (1, 2)]
    assert is_fine(found([attempt("a", outcome="422"), attempt("a", 1, "422")], refused, 0))


@pytest.mark.parametrize("numbers", [(1, 3), (1, 1), (2, 3)])
def test_numbers_of_a_recorder_run_from_one_to_its_count(numbers: tuple[int, int]) -> None:
    assert found([attempt("a"), attempt("b")], [row("a", numbers[0]), row("b", numbers[1])]).applied_twice


def test_a_number_beyond_the_count_is_found() -> None:
    assert found([attempt("a")], [row("a", 1)], 0).applied_twice


def test_an_alert_that_was_sent_after_an_answer_comes_later() -> None:
    assert found([attempt("a", 0), attempt("b", 1)], [row("a", 2), row("b", 1)]).out_of_order


def test_concurrent_alerts_may_come_in_any_order() -> None:
    assert is_fine(found([attempt("a", 0), attempt("b", 0.4)], [row("a", 2), row("b", 1)]))


def test_alerts_of_two_recorders_have_no_order() -> None:
    other = replace(attempt("b", 1), recorder=1)
    rows = [row("a", 2), row("c", 1), replace(row("b", 1), recorder_id=8)]
    attempts = [attempt("a"), attempt("c"), other]
    assert is_fine(check_alerts(attempts, rows, {RECORDER: 2, 8: 1}))


def test_the_row_that_was_answered_decides_the_order_of_a_body_that_was_stored_twice() -> None:
    first = attempt("a", 0, "silent", identified=False)
    again = attempt("a", 3, identified=False, signal_id=11)
    rows = [row("a", 1, row_id=11), row("b", 2), row("a", 3, row_id=12)]  # the first attempt was stored late
    assert is_fine(found([first, again, attempt("b", 5)], rows))
    assert found([first, replace(again, signal_id=12), attempt("b", 5)], rows).out_of_order


def test_accepted_alerts_are_counted_as_signals() -> None:
    twins = [attempt("b", 0, identified=False), attempt("b", 1, identified=False)]
    assert accepted_alerts([attempt("a"), attempt("a", 1), *twins, attempt("c", outcome="503")]) == 3


def test_a_web_that_ran_and_did_not_answer_counts_as_slow() -> None:
    fast = [attempt("a", number) for number in range(9)]
    slow = attempt("b", 20, "silent")
    assert describe_latency([*fast, slow], [])["max"] == 3000
    assert describe_latency([*fast, slow], [(0, 15.0, 20.2)]) == {
        "p50": 500.0,
        "p99": 500.0,
        "p99.9": 500.0,
        "max": 500.0,
        "unanswered": 0,
    }
    assert describe_latency([*fast, slow], [(1, 15.0, 20.2)])["unanswered"] == 1


def test_percentiles_are_values_that_occurred() -> None:
    attempts = [replace(attempt("a"), answered_at=milliseconds / 1000) for milliseconds in range(1, 1001)]
    latency = describe_latency(attempts, [])
    assert (latency["p50"], latency["p99"], latency["p99.9"], latency["max"]) == (500, 990, 999, 1000)


def test_no_answer_at_all_is_not_a_fast_one() -> None:
    assert describe_latency([], [])["p99.9"] == math.inf


@pytest.mark.parametrize(
    "wrong",
    [
        *({name: 1} for name in GOOD if GOOD[name] == 0),
        {"latency": {"p99.9": 3000.0}},
        {"longest_recovery_seconds": 10.0},
    ],
    ids=str,
)
def test_each_shortcoming_spoils_a_run(wrong: dict[str, object]) -> None:
    assert not shortcomings(GOOD)
    assert len(shortcomings(GOOD | wrong)) == 1
