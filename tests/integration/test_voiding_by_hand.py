"""Voiding a trade or a print from the API and the pages, to what comes of it."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from services.web.pages.voiding import MARKED, ON_ITS_WAY, RECOMPUTED
from shared.domain.places import stream_id
from tests.integration.conftest import PASSWORD, Program, Trader
from tests.trading import Desk, Recorder, assert_as_replayed


def traded(desk: Desk, **settings: Any) -> tuple[Recorder, int]:
    """A recorder with two closed trades; the place of the bad print that stopped the first one."""
    recorder = desk.recorder(sl_enabled=True, sl_amount="20", **settings)
    desk.tick("100")
    desk.alert(recorder, {"action": "buy"})
    desk.tick("99")
    bad = desk.tick("50")
    desk.tick("101")
    desk.alert(recorder, {"action": "buy"})
    desk.tick("103")
    desk.alert(recorder, {"action": "close"})
    desk.settle()
    return recorder, bad


def test_a_voided_trade_counts_nowhere_and_is_listed_as_voided(desk: Desk, program: Program) -> None:
    recorder, _ = traded(desk)
    first, second = desk.trades(recorder)

    answer = program.post(f"/trades/{first['id']}/void")
    assert program.post(f"/trades/{first['id']}/void") == answer
    desk.catch_up()

    assert program.post(f"/trades/{first['id']}/void") == answer
    assert program.get(f"/signals/{answer['signal_id']}")["status"] == "recorded"
    assert [each["id"] for each in program.get("/trades")["items"]] == [second["id"]]
    assert [each["id"] for each in program.get("/trades?status=voided")["items"]] == [first["id"]]
    assert [each["status"] for each in program.get("/positions")["items"]] == ["closed"]
    assert len(program.get("/positions?status=voided")["items"]) == 1
    assert program.get("/metrics")["currencies"]["USD"]["net_profit"] == "4"
    assert program.get("/metrics")["tick_drawdown"]["amount"] == "0"
    assert program.get(f"/trades/{first['id']}")["voided_by"] == answer["signal_id"]
    assert_as_replayed(desk)

    program.post(f"/signals/{answer['signal_id']}/void")
    desk.catch_up()
    assert {each["id"] for each in program.get("/trades")["items"]} == {first["id"], second["id"]}


@pytest.mark.parametrize("named", ["id", "time"])
def test_a_print_is_found_and_voided(desk: Desk, program: Program, named: str) -> None:
    recorder, bad = traded(desk)

    (worst, best) = program.get(f"/trades/{desk.trades(recorder)[0]['id']}/prints")["items"]
    assert (worst["id"], worst["price"], worst["role"]) == (stream_id(bad), "50", "worst")
    assert best["role"] == "best"
    chosen = {"id": worst["id"]} if named == "id" else {"time": worst["time"], "price": worst["price"]}
    program.post(f"/recorders/{recorder.id}/void-tick", {"symbol": " cme_mini:mnq1! ", **chosen})
    desk.catch_up()

    (kept,) = [trade for trade in desk.trades(recorder) if trade["voided_by"] is None and trade["lot"] == 1]
    assert (kept["exit_price"], kept["exit_reason"]) == (103, "signal")
    assert_as_replayed(desk)


def test_a_voided_print_is_nobodys_last_price(desk: Desk, program: Program, browser: FlaskClient) -> None:
    recorder = desk.recorder(sl_enabled=True, sl_amount="20")
    desk.tick("100")
    desk.alert(recorder, {"action": "buy"})
    desk.tick("99")
    bad = desk.tick("50")
    second = desk.alert(recorder, {"action": "exit"})
    desk.settle()
    program.post(f"/recorders/{recorder.id}/void-tick", {"symbol": "MNQ1!", "id": stream_id(bad)})
    desk.catch_up()

    tried = program.post(f"/recorders/{recorder.id}/test", {"body": {"action": "buy"}}, code=200)
    page = browser.get(f"/signals/{second}").text

    assert (tried["last_price"], tried["fills"][0]["price"]) == ("99", "99")
    assert "<dt>Market then</dt><dd>99.00</dd>" in page


def test_what_waits_for_a_worker_is_tried_without_a_voided_print(desk: Desk, program: Program) -> None:
    recorder = desk.recorder(sl_enabled=True, sl_amount="20")
    desk.tick("100")
    desk.tick("99")
    bad = desk.tick("50")
    program.post(f"/recorders/{recorder.id}/void-tick", {"symbol": "MNQ1!", "id": stream_id(bad)})
    desk.catch_up()
    desk.alert(recorder, {"action": "buy"})

    tried = program.post(f"/recorders/{recorder.id}/test", {"body": {"action": "close"}}, code=200)

    assert tried["held_before"][0]["avg_entry_price"] == "99"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"symbol": "MNQ1!", "id": "5-0"}, 409),
        ({"symbol": "MNQ1!", "id": "soon"}, 422),
        ({"symbol": "XYZ", "id": "5-0"}, 422),
        ({"symbol": "MNQ1!"}, 422),
        ({"symbol": "MNQ1!", "time": "2026-11-20T00:00:00Z", "price": "1"}, 409),
    ],
)
def test_what_is_no_tick_is_refused(desk: Desk, program: Program, body: object, code: int) -> None:
    recorder, _ = traded(desk)
    before = desk.signals(recorder)
    program.post(f"/recorders/{recorder.id}/void-tick", body, code=code)
    assert desk.signals(recorder) == before


def test_an_open_trade_without_its_ticks_is_refused(desk: Desk, program: Program, browser: FlaskClient) -> None:
    recorder = desk.recorder()
    desk.tick("100")
    desk.alert(recorder, {"action": "buy"})
    desk.settle()
    desk.redis.hset("ticks:heads", "MNQ1!:trimmed", stream_id(desk.tick("101")))
    (trade,) = desk.trades(recorder)
    assert "close it by hand" in program.post(f"/trades/{trade['id']}/void", code=409)["detail"]
    assert browser.get(f"/trades/{trade['id']}/void").status_code == 409


def test_nobody_voids_what_is_somebody_elses(desk: Desk, client: FlaskClient, other_trader: Trader) -> None:
    recorder, bad = traded(desk)
    trade, signal = desk.trades(recorder)[0]["id"], desk.signals(recorder)[0]["id"]
    stranger = Program(client, other_trader.bearer["Authorization"].removeprefix("Bearer "))
    before = desk.everything()

    for path in (f"/trades/{trade}/void", f"/signals/{signal}/void"):
        stranger.post(path, code=404)
    stranger.post(f"/recorders/{recorder.id}/void-tick", {"symbol": "MNQ1!", "id": stream_id(bad)}, code=404)
    client.post("/login", data={"name": other_trader.name, "password": PASSWORD})
    for path in (f"/trades/{trade}/void", f"/trades/{trade}/prints", f"/signals/{signal}/void"):
        assert client.get(path).status_code == 404
        assert client.post(path, data={"tick": stream_id(bad)}).status_code == 404
    assert desk.everything() == before


def test_the_pages_ask_say_what_will_happen_and_show_it(desk: Desk, browser: FlaskClient) -> None:
    recorder, _ = traded(desk)
    page = f"/trades/{desk.trades(recorder)[0]['id']}"
    assert f'href="{page}/void"' in browser.get(page).text
    assert RECOMPUTED.split("'")[0] in browser.get(f"{page}/void").text

    assert ON_ITS_WAY in browser.post(f"{page}/void", follow_redirects=True).text
    desk.catch_up()

    shown = browser.get(page).text
    assert "it counts nowhere" in shown
    assert "Take it back" in shown
    assert page not in browser.get("/trades").text
    assert 'class="voided"' in browser.get("/trades?status=voided").text
    assert browser.get(f"/positions/{desk.positions(recorder)[0]['id']}").status_code == 200

    taken_back = f"/signals/{desk.signals(recorder)[-1]['id']}/void"
    assert "back?" in browser.get(taken_back).text
    browser.post(taken_back)
    desk.catch_up()
    assert "it counts nowhere" not in browser.get(page).text


def test_a_print_is_voided_on_a_page(desk: Desk, browser: FlaskClient) -> None:
    recorder, bad = traded(desk)
    page = f"/trades/{desk.trades(recorder)[0]['id']}/prints"
    assert f'value="{stream_id(bad)}"' in browser.get(page).text
    browser.post(page, data={"tick": stream_id(bad)})
    desk.catch_up()
    assert desk.trades(recorder)[0]["status"] == "voided"
    assert browser.post(page, data={"tick": "never"}).status_code == 400


def test_the_page_says_so_where_the_ticks_are_gone(desk: Desk, browser: FlaskClient) -> None:
    recorder, _ = traded(desk)
    desk.redis.hset("ticks:heads", "MNQ1!:trimmed", stream_id(desk.tick("103")))
    page = f"/trades/{desk.trades(recorder)[0]['id']}/void"
    assert MARKED.split(",")[0] in browser.get(page).text
    browser.post(page)
    desk.catch_up()
    assert desk.trades(recorder)[0]["voided_by"] == desk.signals(recorder)[-1]["id"]
