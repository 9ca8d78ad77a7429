"""Trying an alert, over the API and on the page: what would come of it, with nothing recorded."""

import re
import time
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, func, select

from shared.bus.publisher import TickPublisher
from shared.catch_up import catch_up
from shared.store.tables import recorded_signals, recorder_positions
from tests.integration.conftest import PASSWORD, Trader


@pytest.fixture
def market(redis_client: Redis) -> TickPublisher:
    publisher = TickPublisher(redis_client, source="test", epoch=1, retention_seconds=3600)
    publisher.publish("MNQ1!", Decimal("25600.25"), time.time_ns())
    return publisher


def asked(client: FlaskClient, trader: Trader, body: object, *, code: int = 200, **supposed: Any) -> Any:
    path = f"/api/v1/recorders/{trader.recorder.id}/test"
    answer = client.post(path, json={"body": body, **supposed}, headers=trader.bearer)
    assert answer.status_code == code, answer.text
    return answer.json


def count(engine: Engine, table: Any) -> int:
    with engine.connect() as connection:
        found: int = connection.execute(select(func.count()).select_from(table)).scalar_one()
    return found


@pytest.mark.usefixtures("market")
def test_an_alert_is_tried_at_the_last_tick_and_nothing_is_recorded(
    client: FlaskClient, engine: Engine, trader: Trader
) -> None:
    before = count(engine, recorded_signals)

    tried = asked(client, trader, {"action": "buy", "quantity": 2, "sl_ticks": 20})

    assert (tried["status"], tried["reason"], tried["last_price"]) == ("recorded", None, "25600.25")
    assert tried["read"]["symbol"] == "MNQ1!"
    assert tried["fills"] == [
        {"symbol": "MNQ1!", "action": "BUY", "quantity": 2, "price": "25600.25", "exit_reason": None}
    ]
    assert tried["held_after"][0]["stop"] == "25595.25"
    assert "neither a time nor an id" in tried["warnings"][0]
    assert count(engine, recorded_signals) == before
    assert count(engine, recorder_positions) == 0


def test_what_is_held_now_includes_ticks_that_nobody_wrote_down_yet(
    client: FlaskClient, engine: Engine, redis_client: Redis, trader: Trader, market: TickPublisher
) -> None:
    client.post(f"/webhook/{trader.token}", data='{"action": "buy", "quantity": 2, "tp_ticks": 20}')
    catch_up(engine, redis_client, [trader.recorder.id])
    held = asked(client, trader, "close")
    market.publish("MNQ1!", Decimal("25700.00"), time.time_ns())

    beyond_its_target = asked(client, trader, "close")

    assert held["held_before"][0]["quantity"] == 2
    assert held["fills"][0]["quantity"] == 2
    assert (beyond_its_target["held_before"], beyond_its_target["reason"]) == ([], "nothing to close")


@pytest.mark.usefixtures("market")
def test_what_is_accepted_and_not_applied_yet_comes_first(client: FlaskClient, engine: Engine, trader: Trader) -> None:
    before = count(engine, recorder_positions)
    for body in ('{"action": "buy", "quantity": 2}', '{"action": "sell", "ticker": "MES1!", "price": 6000}'):
        client.post(f"/webhook/{trader.token}", data=body)

    tried = asked(client, trader, "buy")

    assert [(each["symbol"], each["quantity"]) for each in tried["held_before"]] == [("MNQ1!", 2), ("MES1!", 1)]
    assert [(each["symbol"], each["quantity"]) for each in tried["held_after"]] == [("MNQ1!", 3), ("MES1!", 1)]
    assert [each["quantity"] for each in tried["fills"]] == [1]
    assert count(engine, recorder_positions) == before


def test_a_pending_signal_is_filled_at_its_own_place_among_the_ticks(
    client: FlaskClient, trader: Trader, market: TickPublisher
) -> None:
    client.post(f"/webhook/{trader.token}", data='{"action": "buy", "tp_ticks": 20}')
    market.publish("MNQ1!", Decimal("25603.00"), time.time_ns())
    (held,) = asked(client, trader, "close")["held_before"]
    market.publish("MNQ1!", Decimal("25605.25"), time.time_ns())

    beyond_its_target = asked(client, trader, "close")

    assert held["avg_entry_price"] == "25600.25"
    assert beyond_its_target["held_before"] == []


@pytest.mark.usefixtures("market")
def test_filters_count_entries_that_are_not_applied_yet(client: FlaskClient, trader: Trader) -> None:
    path = f"/api/v1/recorders/{trader.recorder.id}"
    assert client.patch(path, json={"cooldown_seconds": 600}, headers=trader.bearer).status_code == 200
    client.post(f"/webhook/{trader.token}", data="buy")

    assert asked(client, trader, "buy")["reason"].startswith("cooldown_seconds: 0 s after the last entry")
    assert asked(client, trader, "buy", held="flat")["status"] == "ignored"


@pytest.mark.usefixtures("market")
def test_exits_that_move_are_told_with_what_moves_them(client: FlaskClient, trader: Trader) -> None:
    path = f"/api/v1/recorders/{trader.recorder.id}"
    moving = {
        "sl_enabled": True, "sl_amount": 40, "sl_type": "Trail", "trail_trigger": 20, "trail_freq": 4,
        "break_even_enabled": True, "break_even_ticks": 30, "break_even_offset": 2, "session_end": "15:55",
        "avg_down_enabled": True, "avg_down_amount": 3, "avg_down_point": 10, "max_contracts": 3,
    }  # fmt: skip
    assert client.patch(path, json=moving, headers=trader.bearer).status_code == 200

    (then,) = asked(client, trader, {"action": "buy", "price": "25600"})["held_after"]
    (on,) = asked(client, trader, {"action": "buy", "price": "25600"}, held="short", held_price="25500")["held_after"]

    assert (then["stop"], then["stop_reason"]) == ("25590", "sl")
    assert then["trail"] == {"trigger_ticks": "20", "step_ticks": 4}
    assert then["break_even"] == {"trigger_ticks": "30", "offset_ticks": "2", "price": "25600.5"}
    assert then["average_down"] == {"price": "25597.5", "quantity": 2}
    assert then["closes_at"][10:] in ("T20:55:00.000Z", "T19:55:00.000Z")
    assert on["break_even"] == then["break_even"]


@pytest.mark.usefixtures("market")
def test_a_stop_that_its_own_entry_trails_is_told_where_it_stands(client: FlaskClient, trader: Trader) -> None:
    path = f"/api/v1/recorders/{trader.recorder.id}"
    trailing = {"sl_enabled": True, "sl_amount": 40, "sl_type": "Trail"}
    assert client.patch(path, json=trailing, headers=trader.bearer).status_code == 200
    supposed = {"held": "long", "held_price": "25590", "last_price": "25600"}

    (then,) = asked(client, trader, {"action": "buy", "quantity": 1, "price": "25600"}, **supposed)["held_after"]

    assert (then["avg_entry_price"], then["stop"], then["stop_reason"]) == ("25595", "25590", "trail")


@pytest.mark.usefixtures("market")
def test_keys_that_nobody_reads_are_named(client: FlaskClient, trader: Trader) -> None:
    stated = {"action": "buy", "time": "2026-11-20T15:00:00Z", "slTicks": 20, "trailStop": 5, "sl_ticks": 4}

    assert asked(client, trader, stated)["warnings"] == ["The recorder does not read slticks, trailstop."]
    assert asked(client, trader, {"text": "buy", "id": 7})["warnings"] == []


@pytest.mark.usefixtures("market")
def test_filters_judge_what_is_tried_by_what_was_recorded(
    client: FlaskClient, engine: Engine, redis_client: Redis, trader: Trader
) -> None:
    path = f"/api/v1/recorders/{trader.recorder.id}"
    assert client.patch(path, json={"cooldown_seconds": 600}, headers=trader.bearer).status_code == 200
    assert asked(client, trader, "buy")["status"] == "recorded"
    client.post(f"/webhook/{trader.token}", data="buy")
    catch_up(engine, redis_client, [trader.recorder.id])

    tried = asked(client, trader, "buy")

    assert tried["status"] == "ignored"
    assert tried["reason"].startswith("cooldown_seconds: 0 s after the last entry, 600 must pass")


@pytest.mark.usefixtures("market")
def test_what_is_supposed_takes_the_place_of_what_is_held(client: FlaskClient, trader: Trader) -> None:
    supposed = {"held": "short", "held_quantity": 3, "held_price": "25650", "last_price": "25620.5"}

    tried = asked(client, trader, "closeall", **supposed)

    assert tried["held_before"][0] == {
        "symbol": "MNQ1!",
        "side": "SHORT",
        "quantity": 3,
        "avg_entry_price": "25650",
        "stop": None,
        "stop_reason": None,
        "trail": None,
        "break_even": None,
        "targets": [],
        "average_down": None,
        "closes_at": None,
    }
    assert [(each["exit_price"], each["pnl"]) for each in tried["trades"]] == [("25620.5", "177")]
    assert tried["held_after"] == []


@pytest.mark.usefixtures("market")
def test_placeholders_are_filled_in_for_the_order_that_is_supposed(client: FlaskClient, trader: Trader) -> None:
    body = '{"ticker": "{{ticker}}", "market_position": "{{strategy.market_position}}", "price": "{{close}}"}'

    tried = asked(client, trader, body, held="long", held_quantity=2, order_action="sell", order_contracts=2)

    assert tried["body"] == '{"ticker": "MNQ1!", "market_position": "flat", "price": "25600.25"}'
    assert tried["held_after"] == []


@pytest.mark.parametrize(
    ("supposed", "field"),
    [
        ({"held": "much"}, "held"),
        ({"held_quantity": 0}, "held_quantity"),
        ({"last_price": "NaN"}, "last_price"),
        ({"held": "long"}, "held_price"),
        ({"hold": "long"}, "hold"),
    ],
)
def test_what_makes_no_sense_is_refused_by_field(
    client: FlaskClient, trader: Trader, supposed: dict[str, Any], field: str
) -> None:
    assert set(asked(client, trader, "buy", code=422, **supposed)["errors"]) == {field}


def test_nobody_tries_another_users_recorder(client: FlaskClient, trader: Trader, other_trader: Trader) -> None:
    path = f"/api/v1/recorders/{other_trader.recorder.id}/test"

    assert client.post(path, json={"body": "buy"}, headers=trader.bearer).status_code == 404


@pytest.mark.usefixtures("market")
def test_the_page_says_what_would_come_of_a_template(app: Flask, trader: Trader) -> None:
    client = app.test_client()
    client.post("/login", data={"name": trader.name, "password": PASSWORD})
    path = f"/recorders/{trader.recorder.id}/test"
    shown = client.get(f"{path}?message=strategy").text
    template = unescape(re.search(r'name="body"[^>]*>([^<]*)<', shown)[1])  # type: ignore[index]

    supposed = {"held": "long", "held_quantity": "1", "order_action": "sell", "order_contracts": "3"}
    answer = client.post(path, data={"body": template, **supposed})

    text = unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text)))
    assert "Would be recorded" in text
    assert "Sells 1 MNQ1! 25,600.25 Exit: reversal $0.00" in text
    assert "Sells 2 MNQ1! 25,600.25 Entry" in text
    assert "Held then short 2 MNQ1!" in text


@pytest.mark.usefixtures("market")
def test_the_page_says_what_moves_the_exits(app: Flask, trader: Trader) -> None:
    client = app.test_client()
    client.post("/login", data={"name": trader.name, "password": PASSWORD})
    moving = {
        "sl_enabled": True, "sl_amount": 40, "sl_type": "Trail", "trail_trigger": 20,
        "break_even_enabled": True, "break_even_ticks": 30, "break_even_offset": 2,
        "avg_down_enabled": True, "avg_down_amount": 1, "avg_down_point": 10, "max_contracts": 3,
    }  # fmt: skip
    client.patch(f"/api/v1/recorders/{trader.recorder.id}", json=moving, headers=trader.bearer)

    answer = client.post(f"/recorders/{trader.recorder.id}/test", data={"body": '{"action": "buy", "price": 25600}'})

    text = unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text)))
    assert "Stop 25,590.00" in text
    assert "Trailing follows the best price from 20 ticks in favour, by 1 tick at a time" in text
    assert "Break-even stop to 25,600.50 from 30 ticks in favour" in text
    assert "Averages down adds 1 at 25,597.50" in text


def test_the_page_keeps_what_was_typed_and_names_the_wrong_field(app: Flask, trader: Trader) -> None:
    client = app.test_client()
    client.post("/login", data={"name": trader.name, "password": PASSWORD})

    answer = client.post(f"/recorders/{trader.recorder.id}/test", data={"body": "buy <me>", "last_price": "x"})

    assert answer.status_code == 422
    assert "buy &lt;me&gt;" in answer.text
    assert "&#39;x&#39; is not a number" in answer.text
