"""Every setting: typed, sent by a program and read back alike; it changes what is recorded, replayed and live alike."""

import re
from collections.abc import Mapping
from dataclasses import fields
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from services.web.recorder_form import FIELDS
from shared.domain.recorder_settings import RecorderSettings
from shared.domain.timestamps import parse_timestamp
from tests.integration.conftest import PASSWORD, Trader
from tests.trading import assert_as_replayed, empty_desk

SECOND = 1_000_000_000
HALF_PAST_THREE = parse_timestamp("2026-03-02T20:30:00Z")  # in New York, on a Monday
BUY, SELL, CLOSE, REVERSE = {"action": "buy"}, {"action": "sell"}, {"action": "close"}, {"action": "reverse"}
STOP = {"sl_enabled": True, "sl_amount": 20}
TRAIL = STOP | {"sl_type": "Trail"}
BREAK_EVEN = {"break_even_enabled": True, "break_even_ticks": 8}
DOWN = {"avg_down_enabled": True, "avg_down_amount": 1, "avg_down_point": 4, "max_contracts": 9}
LEGS = [{"value": 4, "trim": 1}, {"value": 8}]
UP_AND_DOWN = ("101", "102", "103", "104", "103", "102", "101", "100", "99", "98", "97", "96", "94", "92", "90")

# What changes, what it is beside, and what happens: ticks of MNQ1!, alerts, seconds that pass.
CHANGES: Mapping[str, tuple[Any, Mapping[str, Any], tuple[Any, ...]]] = {
    "symbol": ("MES1!", {}, (BUY | {"price": 100}, CLOSE | {"price": 101})),
    "recording_enabled": (False, {}, (BUY,)),
    "initial_position_size": (3, {}, (BUY,)),
    "add_position_size": (2, {}, (BUY, BUY)),
    "same_direction": ("ignore", {}, (BUY, BUY)),
    "opposite_signal": ("close", {}, (BUY, SELL)),
    "fill_price": ("market", {}, (BUY | {"price": 101},)),
    "max_price_deviation": (0, {}, (BUY | {"price": 200},)),
    "tp_units": ("Points", {"tp_targets": [{"value": 2}]}, (BUY, *UP_AND_DOWN)),
    "trim_units": (
        "Percent",
        {"tp_targets": [{"value": 4, "trim": 2}, {"value": 8}]},
        (BUY | {"qty": 4}, *UP_AND_DOWN),
    ),
    "tp_targets": ([{"value": 4, "trim": 1}, {"value": 8}], {}, (BUY | {"qty": 4}, *UP_AND_DOWN)),
    "sl_enabled": (True, {"sl_amount": 20}, (BUY, *UP_AND_DOWN)),
    "sl_amount": (30, STOP, (BUY, *UP_AND_DOWN)),
    "sl_units": ("Dollars", STOP, (BUY, *UP_AND_DOWN)),
    "sl_type": ("Trail", STOP, (BUY, *UP_AND_DOWN)),
    "stop_fill": ("level", STOP | {"sl_amount": 19}, (BUY, *UP_AND_DOWN)),
    "trail_trigger": (20, TRAIL, (BUY, *UP_AND_DOWN)),
    "trail_freq": (7, TRAIL, (BUY, *UP_AND_DOWN)),
    "break_even_enabled": (True, {"break_even_ticks": 8}, (BUY, *UP_AND_DOWN)),
    "break_even_ticks": (20, BREAK_EVEN, (BUY, *UP_AND_DOWN)),
    "break_even_offset": (4, BREAK_EVEN, (BUY, *UP_AND_DOWN)),
    "avg_down_enabled": (True, {k: v for k, v in DOWN.items() if k != "avg_down_enabled"}, (BUY, "99", "98", "97")),
    "avg_down_amount": (2, DOWN, (BUY, "99", "98", "97")),
    "avg_down_point": (8, DOWN, (BUY, "99", "98", "97")),
    "avg_down_units": ("Points", DOWN, (BUY, "99", "98", "96")),
    "inverse": (True, {}, (BUY,)),
    "direction_filter": ("Short", {}, (BUY, SELL)),
    "time_filter_1": ({"start": "09:30", "stop": "15:30"}, {}, (BUY,)),
    "time_filter_2": ({"start": "18:00", "stop": "02:00"}, {}, (BUY,)),
    "timezone": ("Europe/Zurich", {"time_filter_1": {"start": "15:00", "stop": "16:00"}}, (BUY,)),
    "session_end": ("15:31", {}, (BUY, 50, "101", 20, "102")),
    "cooldown_seconds": (30, {}, (BUY, 10, BUY, 30, BUY)),
    "max_signals_per_session": (1, {}, (BUY, BUY)),
    "max_daily_loss": ("5", {}, (BUY, "95", BUY)),
    "max_contracts": (2, {}, (BUY, BUY, BUY)),
    "take_every": (2, {}, (BUY, BUY, BUY)),
    "commission": ("1.24", {}, (BUY, CLOSE)),
    "duplicate_window_seconds": (9, {}, ()),
}
OUTSIDE_THE_FOLD = {"name", "strategy_type", "duplicate_window_seconds"}  # labels; and what intake does with copies


def test_every_setting_there_is_has_its_case() -> None:
    assert {each.name for each in fields(RecorderSettings)} == {*CHANGES, *OUTSIDE_THE_FOLD}


@pytest.mark.parametrize("name", [name for name in CHANGES if name not in OUTSIDE_THE_FOLD])
def test_a_setting_changes_what_is_recorded_alike_in_the_live_system_and_in_replay(
    engine: Engine, redis_client: Redis, name: str
) -> None:
    value, beside, happens = CHANGES[name]
    desk = empty_desk(engine, redis_client)
    desk.now = HALF_PAST_THREE
    without, having = desk.recorder(**beside), desk.recorder(**{**beside, name: value})
    desk.tick("100")
    for event in happens:
        if isinstance(event, int):
            desk.now += event * SECOND
        elif isinstance(event, str):
            desk.tick(event)
        else:
            desk.alert(without, event)
            desk.alert(having, event)

    assert_as_replayed(desk)

    assert as_it_reads(desk.recorded(having)) != as_it_reads(desk.recorded(without))


def as_it_reads(recorded: dict[str, Any]) -> Any:
    """What was recorded, without the moments: those of two alerts differ by a millisecond."""
    return {
        kind: [{key: value for key, value in row.items() if not key.endswith(("_time", "_at"))} for row in rows]
        for kind, rows in recorded.items()
    }


def everything() -> dict[str, Any]:
    """A value of its own for every setting, none of them the default."""
    return {
        **{name: value for name, (value, _, _) in CHANGES.items()},
        **STOP, **BREAK_EVEN, **DOWN, "sl_type": "Trail", "sl_units": "Dollars", "break_even_offset": 4,
        "name": "All of them", "strategy_type": "Options",
        "trail_trigger": 20, "trail_freq": 7, "avg_down_units": "Points",
    }  # fmt: skip


def as_typed(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings as a browser sends the form with them."""
    typed: dict[str, str] = {}
    for field in FIELDS:
        value = settings[field.name]
        if field.window:
            typed |= {f"{field.name}_{part}": value[part] for part in ("start", "stop")}
        elif field.checkbox:
            typed |= {field.name: "on"} if value else {}
        else:
            typed[field.name] = str(value)
    for number, target in enumerate(settings["tp_targets"], start=1):
        typed |= {f"target_value_{number}": str(target["value"]), f"target_trim_{number}": str(target.get("trim", ""))}
    return typed


def test_the_form_the_api_and_its_answer_say_the_same_of_every_setting(
    app: Flask, trader: Trader, client: FlaskClient
) -> None:
    browser = app.test_client()
    browser.post("/login", data={"name": trader.name, "password": PASSWORD})

    made = client.post("/api/v1/recorders", json=everything(), headers=trader.bearer).json
    answer = browser.post("/recorders/new", data=as_typed(everything()) | {"name": "Typed"})
    typed_id = answer.headers["Location"].rpartition("/")[2]
    typed = client.get(f"/api/v1/recorders/{typed_id}", headers=trader.bearer).json
    edit = browser.get(f"/recorders/{typed_id}/edit")
    sent_back = client.put(
        f"/api/v1/recorders/{made['id']}",
        json={each.name: made[each.name] for each in fields(RecorderSettings)},
        headers=trader.bearer,
    ).json

    names = [each.name for each in fields(RecorderSettings) if each.name != "name"]
    assert {name: typed[name] for name in names} == {name: made[name] for name in names}
    assert {name: sent_back[name] for name in names} == {name: made[name] for name in names}
    unset = client.get(f"/api/v1/recorders/{trader.recorder.id}", headers=trader.bearer).json
    assert [name for name in names if made[name] == unset[name]] == []
    assert all(re.search(rf'name="{field.name}(_start)?"', edit.text) for field in FIELDS)


WRONG = {
    "name": "x" * 101, "symbol": "NOPE1!", "strategy_type": "x" * 101, "timezone": "Mars", "session_end": "25:00",
    "initial_position_size": "1.5", "add_position_size": "-1", "same_direction": "maybe", "opposite_signal": "maybe",
    "fill_price": "maybe", "max_price_deviation": "x", "tp_units": "Pips", "trim_units": "Pips", "sl_amount": "-1",
    "sl_units": "Pips", "sl_type": "Trail", "stop_fill": "maybe", "trail_trigger": "x", "trail_freq": "1.5",
    "break_even_ticks": "x", "break_even_offset": "-1", "avg_down_amount": "1.5", "avg_down_point": "x",
    "avg_down_units": "Pips", "direction_filter": "Up", "time_filter_1": {"start": "09:00", "stop": "09:00"},
    "time_filter_2": {"start": "09:00", "stop": "x"}, "cooldown_seconds": "x", "max_signals_per_session": "-1",
    "max_daily_loss": "x", "max_contracts": "1.5", "take_every": "0", "commission": "x",
    "duplicate_window_seconds": "-1", "tp_targets": [{"value": "0"}],
}  # fmt: skip
NOTHING: dict[str, Any] = {each.name: {"start": "", "stop": ""} if each.window else "" for each in FIELDS} | {
    "tp_targets": []
}
BOXES = {each.name for each in FIELDS if each.checkbox}


def test_every_setting_has_a_value_that_is_refused() -> None:
    assert {each.name for each in fields(RecorderSettings)} == {*WRONG, *BOXES}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_refused_value_is_named_with_its_reason_to_programs_and_beside_its_field(
    app: Flask, trader: Trader, client: FlaskClient, name: str
) -> None:
    browser = app.test_client()
    browser.post("/login", data={"name": trader.name, "password": PASSWORD})
    settings = {"name": "Wrong", name: WRONG[name]}

    told = client.post("/api/v1/recorders", json=settings, headers=trader.bearer)
    shown = browser.post("/recorders/new", data=as_typed(NOTHING | settings))

    assert (told.status_code, shown.status_code) == (422, 422)
    ((field, reason),) = told.json["errors"].items()
    assert (field, bool(reason)) == (name, True)
    beside = re.search(rf'id="{name}-about"><p class="error">([^<]*)</p>', shown.text)
    assert beside
    assert unescape(beside[1]) == reason


@pytest.mark.parametrize("name", sorted(BOXES))
def test_a_switch_takes_true_and_false_alone(trader: Trader, client: FlaskClient, name: str) -> None:
    answer = client.post("/api/v1/recorders", json={"name": "Wrong", name: "on"}, headers=trader.bearer)

    assert (answer.status_code, answer.json["errors"]) == (422, {name: "'on' is neither true nor false"})


@pytest.mark.parametrize(
    ("stated", "refused"),
    [
        ({"sl_enabled": True}, "sl_amount"),
        ({"break_even_enabled": True}, "break_even_offset"),
        ({"avg_down_enabled": True, "avg_down_point": 5, "max_contracts": 5}, "avg_down_amount"),
        ({"avg_down_enabled": True, "avg_down_amount": 5, "max_contracts": 5}, "avg_down_point"),
        ({"avg_down_enabled": True, "avg_down_amount": 5, "avg_down_point": 5}, "max_contracts"),
        ({"tp_targets": [{"value": 4}, {"value": 8}]}, "tp_targets"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_beside_the_field_that_has_to_change(
    app: Flask, trader: Trader, stated: dict[str, Any], refused: str
) -> None:
    browser = app.test_client()
    browser.post("/login", data={"name": trader.name, "password": PASSWORD})

    answer = browser.post("/recorders/new", data=as_typed(NOTHING | {"name": "Wrong"} | stated))

    assert answer.status_code == 422
    assert re.findall(r'id="(\w+)-about"><p class="error">', answer.text) == [refused]
