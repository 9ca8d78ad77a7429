"""A recorder paused, with or without closing what it holds, and a second one made like it."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from shared.store.users import rotate_api_key
from tests.trading import Desk, Recorder, assert_as_replayed


@pytest.fixture
def holding(desk: Desk) -> Recorder:
    """A recorder that holds one contract."""
    recorder = desk.recorder(symbol="MNQ1!")
    desk.tick("100", "101")
    desk.alert(recorder, {"action": "buy", "price": "100"})
    desk.catch_up()
    return recorder


def asked(client: FlaskClient, desk: Desk, path: str, body: object = None) -> Any:
    with desk.engine.begin() as connection:
        headers = {"Authorization": f"Bearer {rotate_api_key(connection, desk.user_id)}"}
    return client.post(f"/api/v1/recorders/{path}", json=body, headers=headers)


def test_a_paused_recorder_keeps_what_it_holds_and_takes_no_entry(
    client: FlaskClient, desk: Desk, holding: Recorder
) -> None:
    stopped = asked(client, desk, f"{holding.id}/stop")
    client.post(stopped.json["webhook_url"], data='{"action": "buy", "price": "101"}')
    desk.catch_up()

    assert stopped.json["recording_enabled"] is False
    assert [row["status"] for row in desk.positions(holding)] == ["open"]
    assert [row["reason"] for row in desk.signals(holding)] == [None, "recording is off"]
    assert_as_replayed(desk)


def test_a_recorder_that_is_paused_closing_ends_what_it_holds_by_a_signal_after_the_pause(
    client: FlaskClient, desk: Desk, holding: Recorder
) -> None:
    answer = asked(client, desk, f"{holding.id}/stop", {"close_positions": True})
    desk.catch_up()

    assert answer.status_code == 200
    assert [(row["exit_reason"], str(row["exit_price"])) for row in desk.trades(holding)] == [("manual", "101")]
    assert_as_replayed(desk)


def test_pausing_a_recorder_that_holds_nothing_closes_nothing(client: FlaskClient, desk: Desk) -> None:
    recorder = desk.recorder()

    assert asked(client, desk, f"{recorder.id}/stop", {"close_positions": True}).status_code == 200
    assert desk.signals(recorder) == []


@pytest.mark.parametrize("body", [{"close_positions": "yes"}, {"close": True}])
def test_pausing_refuses_what_it_does_not_know(client: FlaskClient, desk: Desk, body: object) -> None:
    recorder = desk.recorder()

    assert asked(client, desk, f"{recorder.id}/stop", body).status_code == 422
    assert asked(client, desk, f"{recorder.id}/start").json["recording_enabled"] is True


def test_a_clone_has_the_settings_and_nothing_else(client: FlaskClient, desk: Desk) -> None:
    model = desk.recorder(symbol="MNQ1!", sl_enabled=True, sl_amount="20", tp_targets=[{"value": "20", "trim": 1}])

    made = asked(client, desk, f"{model.id}/clone", {"name": "Second"})

    assert made.status_code == 201
    assert (made.json["name"], made.json["sl_amount"], made.json["signal_count"]) == ("Second", "20", 0)
    assert made.json["tp_targets"] == [{"value": "20", "trim": 1}]
    assert asked(client, desk, f"{model.id}/clone", {"name": "Second"}).status_code == 409
    assert asked(client, desk, f"{model.id}/clone", {}).status_code == 422
    assert asked(client, desk, "999999/clone", {"name": "Third"}).status_code == 404


def test_the_pages_pause_with_closing_and_start_a_new_recorder_from_another(
    browser: FlaskClient, desk: Desk, holding: Recorder
) -> None:
    path = f"/recorders/{holding.id}/stop"

    assert "Also close what is held now" in browser.get(path).text
    browser.post(path, data={"also": "on"})
    desk.catch_up()

    assert [row["exit_reason"] for row in desk.trades(holding)] == ["manual"]
    form = browser.get(f"/recorders/new?like={holding.id}").text
    assert f'value="{holding.name} copy"' in form
    assert 'value="MNQ1!"' in form
    assert browser.get("/recorders/new?like=999999").status_code == 404
