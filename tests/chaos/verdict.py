"""What a run comes to: one JSON object, and whether it is good enough."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.chaos.driver import GIVES_UP_AFTER_SECONDS
from tests.chaos.journal import Attempt

MOST_SECONDS_TO_RECOVER = 10.0
MOST_MILLISECONDS = 3000.0
MUST_BE_ZERO = ("lost", "applied_twice", "out_of_order", "differences", "late_exits", "not_drained")

Json = dict[str, Any]
Absences = Sequence[tuple[int, float, float]]


def count_outcomes(statuses: Iterable[str]) -> Json:
    """How many signals came to each end."""
    counted = Counter(statuses)
    return {status: counted[status] for status in ("recorded", "ignored", "rejected")}


def describe_latency(attempts: Iterable[Attempt], absences: Absences) -> Json:
    """Percentiles in ms of attempts that were accepted, or left without an answer by a web that ran."""
    milliseconds, unanswered = [], 0
    for attempt in attempts:
        if attempt.is_accepted:
            milliseconds.append(attempt.milliseconds)
        elif attempt.is_silent and not _was_absent(attempt, absences):
            milliseconds.append(max(attempt.milliseconds, GIVES_UP_AFTER_SECONDS * 1000))
            unanswered += 1
    milliseconds.sort()
    shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    return {name: _percentile(milliseconds, share) for name, share in shares.items()} | {"unanswered": unanswered}


def shortcomings(result: Mapping[str, Any]) -> list[str]:
    """Say why a result is not good enough; nothing if it is."""
    found = [f"{name} is {result[name]}" for name in MUST_BE_ZERO if result[name]]
    if result["latency"]["p99.9"] >= MOST_MILLISECONDS:
        found.append(f"p99.9 of the answers is {result['latency']['p99.9']} ms")
    if result["longest_recovery_seconds"] >= MOST_SECONDS_TO_RECOVER:
        found.append(f"the longest recovery took {result['longest_recovery_seconds']} s")
    return found


def _was_absent(attempt: Attempt, absences: Absences) -> bool:
    return any(
        web == attempt.web and began_at < attempt.answered_at and attempt.sent_at < ended_at
        for web, began_at, ended_at in absences
    )


def _percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that this share of all does not exceed."""
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 1) if ordered else math.inf
