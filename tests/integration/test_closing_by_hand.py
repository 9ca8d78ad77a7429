"""Closing by hand, from the API and the pages to the trade that it closes."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from services.web.pages.closing import ON_ITS_WAY
from tests.integration.conftest import PASSWORD, Program, Trader
from tests.trading import Desk, Recorder, wait_until


def bought(desk: Desk, *symbols: str, **settings: Any) -> Recorder:
    recorder = desk.recorder(**settings)
    for symbol in symbols:
        desk.tick("100", "101", symbol=symbol)
        desk.alert(recorder, {"action": "buy", "ticker": symbol, "price": "100"})
    desk.catch_up()
    return recorder


def test_a_position_is_closed_at_the_last_tick_with_the_reason_manual(desk: Desk, program: Program) -> None:
    recorder = bought(desk, "MNQ1!", "MES1!")
    desk.tick("97", "103")

    answer = program.post(f"/recorders/{recorder.id}/close", {"ticker": " cme_mini:mnq1! "})
    desk.tick("90")
    desk.catch_up()

    mnq, mes = desk.trades(recorder)
    assert (mnq["exit_price"], mnq["exit_reason"], mnq["pnl"], mnq["max_adverse"]) == (103, "manual", 6, -6)
    assert (mes["ticker"], mes["status"]) == ("MES1!", "open")
    signal = desk.signals(recorder)[-1]
    assert answer == {"signal_id": signal["id"], "status": "accepted"}
    assert (signal["signal_type"], signal["status"], signal["action"]) == ("manual", "recorded", "exit")
    assert (signal["ticker"], signal["settings_id"]) == ("MNQ1!", recorder.settings_id)
    assert json.loads(signal["raw_data"]) == {"action": "close", "ticker": "MNQ1!"}


def test_without_a_symbol_everything_of_the_recorder_is_closed_and_nothing_of_others(
    desk: Desk, program: Program
) -> None:
    recorder, other = bought(desk, "MNQ1!", "MES1!"), bought(desk, "MNQ1!")

    program.post(f"/recorders/{recorder.id}/close")
    desk.catch_up()

    assert [(each["exit_reason"], each["exit_price"]) for each in desk.trades(recorder)] == [("manual", 101)] * 2
    assert [each["status"] for each in desk.trades(other)] == ["open"]


def test_closing_passes_while_recording_is_off_and_is_never_a_duplicate(desk: Desk, program: Program) -> None:
    recorder = bought(desk, "MNQ1!", duplicate_window_seconds=60)
    program.post(f"/recorders/{recorder.id}/close")
    desk.catch_up()
    desk.alert(recorder, {"action": "buy", "price": "100"})
    desk.catch_up()
    desk.edit(recorder, recording_enabled=False)

    program.post(f"/recorders/{recorder.id}/close")
    desk.catch_up()

    assert [each["exit_reason"] for each in desk.trades(recorder)] == ["manual", "manual"]


def test_an_alert_cannot_claim_to_be_given_by_hand(desk: Desk) -> None:
    recorder = bought(desk, "MNQ1!")

    desk.alert(recorder, {"action": "close", "signal_type": "manual", "manual": True, "exit_reason": "manual"})
    desk.catch_up()

    assert [each["exit_reason"] for each in desk.trades(recorder)] == ["signal"]


def test_a_position_without_any_tick_stays_open_and_says_why(desk: Desk, program: Program) -> None:
    recorder = desk.recorder()
    desk.alert(recorder, {"action": "buy", "price": "100"})
    desk.catch_up()

    program.post(f"/recorders/{recorder.id}/close")
    desk.catch_up()

    assert "no tick of the symbol has been seen yet" in desk.signals(recorder)[-1]["reason"]
    assert desk.position(recorder)["status"] == "open"


@pytest.mark.parametrize("body", [None, {"ticker": "MNQ1!"}, {"ticker": "MES1!"}])
def test_what_is_not_open_is_refused(desk: Desk, program: Program, body: object) -> None:
    recorder = desk.recorder() if body != {"ticker": "MES1!"} else bought(desk, "MNQ1!")
    before = desk.signals(recorder)

    problem = program.post(f"/recorders/{recorder.id}/close", body, code=409)

    assert "holds nothing" in problem["detail"]
    assert desk.signals(recorder) == before


@pytest.mark.parametrize(
    ("body", "word"), [({"ticker": "XYZ"}, "XYZ"), ({"ticker": 5}, "ticker"), ({"symbol": "MNQ1!"}, "symbol")]
)
def test_a_body_that_makes_no_sense_is_refused(desk: Desk, program: Program, body: object, word: str) -> None:
    recorder = bought(desk, "MNQ1!")

    assert word in program.post(f"/recorders/{recorder.id}/close", body, code=422)["detail"]
    assert len(desk.signals(recorder)) == 1


def test_nobody_closes_what_is_somebody_elses(desk: Desk, client: FlaskClient, other_trader: Trader) -> None:
    recorder = bought(desk, "MNQ1!")
    key = other_trader.bearer["Authorization"].removeprefix("Bearer ")

    Program(client, key).post(f"/recorders/{recorder.id}/close", code=404)

    assert len(desk.signals(recorder)) == 1


def test_the_pages_ask_first_and_then_close(desk: Desk, browser: FlaskClient) -> None:
    recorder = bought(desk, "MNQ1!")
    page = f"/positions/{desk.position(recorder)['id']}"

    shown, asked = browser.get(page).text, browser.get(f"{page}/close").text
    assert f'href="{page}/close"' in shown
    assert "Close long 1 MNQ1! of R1?" in asked
    assert f'action="{page}/close"' in asked
    assert len(desk.signals(recorder)) == 1

    answer = browser.post(f"{page}/close", follow_redirects=True)
    desk.catch_up()

    assert ON_ITS_WAY.split(".")[1] in answer.text
    assert [each["exit_reason"] for each in desk.trades(recorder)] == ["manual"]
    assert "Close by hand" not in browser.get(page).text
    assert "Nothing to close" in browser.post(f"{page}/close", follow_redirects=True).text


def test_the_page_of_a_recorder_closes_all_it_holds(desk: Desk, browser: FlaskClient) -> None:
    recorder = bought(desk, "MNQ1!", "MES1!")
    page = f"/recorders/{recorder.id}"

    assert f'href="{page}/close"' in browser.get(page).text
    assert "Close all open positions of R1?" in browser.get(f"{page}/close").text
    assert browser.post(f"{page}/close").status_code == 302
    desk.catch_up()

    assert [each["exit_reason"] for each in desk.trades(recorder)] == ["manual"] * 2
    assert "Close all by hand" not in browser.get(page).text


def test_pages_of_others_close_nothing(desk: Desk, client: FlaskClient, other_trader: Trader) -> None:
    recorder = bought(desk, "MNQ1!")
    client.post("/login", data={"name": other_trader.name, "password": PASSWORD})

    for path in (f"/positions/{desk.position(recorder)['id']}/close", f"/recorders/{recorder.id}/close"):
        assert client.get(path).status_code == 404
        assert client.post(path).status_code == 404
    assert len(desk.signals(recorder)) == 1


def test_a_worker_is_woken(desk: Desk, program: Program) -> None:
    recorder = bought(desk, "MNQ1!")

    program.post(f"/recorders/{recorder.id}/close")

    wait_until(lambda: desk.redis.exists("signals:wake"))
