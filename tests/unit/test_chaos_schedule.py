"""What is planned of a chaos run: the same for the same seed, and all of it."""

import itertools
from collections import Counter

import pytest

from tests.chaos.alerts import plan_acts, plan_alerts
from tests.chaos.schedule import AFTER_THE_LAST_SECONDS, KINDS, OUTAGES, SERVICES, Fault, plan_faults

SEEDS = range(40)
LENGTHS = (60.0, 300.0)


@pytest.mark.parametrize("seconds", LENGTHS)
def test_every_kind_of_fault_occurs(seconds: float) -> None:
    for seed in SEEDS:
        assert {fault.kind for fault in plan_faults(seed, seconds)} == set(KINDS)


@pytest.mark.parametrize("seconds", LENGTHS)
def test_the_last_fault_is_over_well_before_the_end(seconds: float) -> None:
    for seed in SEEDS:
        faults = plan_faults(seed, seconds)
        assert max(fault.ends_at for fault in faults) <= seconds - AFTER_THE_LAST_SECONDS
        assert faults == sorted(faults, key=lambda fault: fault.at)
        assert faults[0].at >= 0


@pytest.mark.parametrize("seconds", LENGTHS)
def test_servers_are_out_of_order_one_after_another(seconds: float) -> None:
    for seed in SEEDS:
        outages = [fault for fault in plan_faults(seed, seconds) if fault.kind in OUTAGES]
        assert all(one.ends_at + 1 < other.at for one, other in itertools.pairwise(outages))


@pytest.mark.parametrize("seconds", LENGTHS)
def test_a_service_is_not_broken_while_it_is_broken(seconds: float) -> None:
    for seed in SEEDS:
        faults = plan_faults(seed, seconds)
        for service in SERVICES:
            own = [fault for fault in faults if fault.kind.startswith(service)]
            assert all(one.ends_at <= other.at for one, other in itertools.pairwise(own))


def test_a_schedule_is_a_function_of_its_seed_and_length() -> None:
    assert plan_faults(7, 60) == plan_faults(7, 60)
    assert plan_faults(7, 60) != plan_faults(8, 60)
    assert plan_faults(7, 60) != plan_faults(7, 61)


def test_a_long_run_has_outages_of_20_seconds_and_a_short_one_shorter_ones() -> None:
    assert _lengths(plan_faults(1, 300), "postgres_away") == {20.0}
    assert _lengths(plan_faults(1, 60), "redis_away") == {5.0}
    assert _lengths(plan_faults(1, 60), "web_stopped") == {10.0}


def test_alerts_are_a_function_of_their_seed_and_come_at_the_rate() -> None:
    planned = plan_alerts(5, seconds=60, rate=100, recorders=200)
    assert planned == plan_alerts(5, seconds=60, rate=100, recorders=200)
    assert planned != plan_alerts(6, seconds=60, rate=100, recorders=200)
    sent = sum(1 + len(alert.again_after) for alert in planned)
    assert 0.9 * 6000 < sent < 1.1 * 6000
    assert all(alert.at + after < 60 for alert in planned for after in alert.again_after)


def test_alerts_are_of_all_kinds() -> None:
    planned = plan_alerts(5, seconds=60, rate=100, recorders=200)
    again = [alert for alert in planned if alert.again_after]
    assert {alert.identified for alert in again} == {True, False}
    assert max(Counter((alert.at, alert.recorder) for alert in planned).values()) > 2
    assert any(alert.by_name for alert in planned)
    assert any(alert.as_text for alert in planned)
    assert any(alert.priced for alert in planned)
    assert {"long", "short", "flat"} <= {alert.fields.get("market_position") for alert in planned}


def test_only_identified_alerts_carry_a_time_or_an_id() -> None:
    planned = plan_alerts(5, seconds=60, rate=100, recorders=200)
    named = {"time", "timenow", "timestamp", "id", "alert_id"}
    assert all(alert.identified for alert in planned if named & alert.fields.keys())
    windowed = 9  # the profile that says for itself that equal bodies are one signal
    assert all(named & alert.fields.keys() or alert.recorder % 11 == windowed for alert in planned if alert.identified)


def test_owners_edit_and_close() -> None:
    acts = plan_acts(5, seconds=60, rate=1.5, recorders=200)
    assert acts == plan_acts(5, seconds=60, rate=1.5, recorders=200)
    assert {act.changes is None for act in acts} == {True, False}
    assert {act.voids for act in acts} == {None, "trade", "print", "correction"}
    closing = [act for act in acts if act.changes is None and act.voids is None]
    assert {act.ticker is None for act in closing} == {True, False}


def _lengths(faults: list[Fault], kind: str) -> set[float]:
    return {round(fault.seconds, 6) for fault in faults if fault.kind == kind}
