"""The core and the brute force agree on every field of every row, whatever the market, settings and signals."""

import json
from typing import Any

from hypothesis import given, note, settings

from shared.replay import replay
from tests.property.brute_force import brute_force_replay
from tests.property.strategies import Scenario, body_of, scenarios, scenarios_of_moving_exits

WORDS = (
    *("missed_signals", "already there", "nothing to close", "max_contracts", "risk_dollars"),
    *("recording is off", "direction_filter", "time_filter", "cooldown_seconds", "max_signals_per_session"),
    *("max_daily_loss", "take_every"),
)
KEYS = ("line", "recorder", "status")


def words_in(text: str) -> set[str]:
    return {word for word in WORDS if word in text}


def said_by(row: dict[str, Any]) -> str:
    return f"{row['reason'] or ''} {row.get('note') or ''}"


def sorted_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


def explain(scenario: Scenario) -> None:
    for recorder in scenario.recorders:
        note(json.dumps(recorder))
    for entry in scenario.ticks:
        note(str(entry))
    for signal in scenario.signals:
        note(f"line {signal.line} {signal.recorder} after {signal.place} at {signal.occurred_at}: {body_of(signal)}")


def assert_rows_are_equal(scenario: Scenario) -> None:
    explain(scenario)
    expected = brute_force_replay(scenario.recorders, scenario.ticks, scenario.signals, scenario.contracts)
    found = replay(scenario.recorders, scenario.ticks, scenario.replay_signals())
    for row in found["signals"]:
        note(f"{row}")
    for ours, theirs in zip(expected["signals"], found["signals"], strict=True):
        assert [ours[key] for key in KEYS] == [theirs[key] for key in KEYS], (ours, theirs)
        assert words_in(ours["reason"]) <= words_in(said_by(theirs)), (ours, theirs)
    assert sorted_rows(found["trades"]) == sorted_rows(expected["trades"])
    assert sorted_rows(found["positions"]) == sorted_rows(expected["positions"])


@settings(max_examples=5 * settings().max_examples)
@given(scenarios())
def test_every_row_is_that_of_the_brute_force(scenario: Scenario) -> None:
    assert_rows_are_equal(scenario)


@settings(max_examples=5 * settings().max_examples)
@given(scenarios_of_moving_exits())
def test_exits_that_move_are_those_of_the_brute_force(scenario: Scenario) -> None:
    assert_rows_are_equal(scenario)
