"""A recorder that is archived leaves the lists, keeps its history, and can be taken back."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from shared.store.users import rotate_api_key
from tests.integration.conftest import Trader
from tests.trading import Desk, assert_as_replayed


@pytest.fixture
def bearer(desk: Desk) -> dict[str, str]:
    with desk.engine.begin() as connection:
        return {"Authorization": f"Bearer {rotate_api_key(connection, desk.user_id)}"}


def names(client: FlaskClient, bearer: dict[str, str], query: str = "") -> list[str]:
    items: list[Any] = client.get(f"/api/v1/recorders{query}", headers=bearer).json["items"]
    return [each["name"] for each in items]


def test_it_leaves_the_lists_and_ignores_entries_until_it_is_taken_back(
    desk: Desk, client: FlaskClient, bearer: dict[str, str]
) -> None:
    recorder, _ = desk.recorder(), desk.recorder()
    desk.tick("100")
    path = f"/api/v1/recorders/{recorder.id}"

    answer = client.post(f"{path}/archive", headers=bearer)
    assert (answer.status_code, answer.json["recording_enabled"]) == (200, False)
    assert client.post(f"{path}/archive", headers=bearer).json["archived_at"] == answer.json["archived_at"]
    url = answer.json["webhook_url"].partition("localhost")[2]
    assert client.post(url, json={"action": "buy", "price": "100"}).status_code == 200
    desk.catch_up()

    assert desk.signals(recorder)[0]["reason"] == "recording is off"
    assert (names(client, bearer), names(client, bearer, "?archived=true")) == (["R2"], ["R1"])
    assert client.get("/api/v1/recorders?archived=maybe", headers=bearer).status_code == 400

    assert client.post(f"{path}/restore", headers=bearer).json["archived_at"] is None
    assert names(client, bearer) == ["R1", "R2"]
    client.post(f"{path}/archive", headers=bearer)
    assert client.post(f"{path}/start", headers=bearer).json["archived_at"] is None
    assert names(client, bearer) == ["R1", "R2"]


def test_one_that_holds_something_is_archived_only_with_it_closed(
    desk: Desk, client: FlaskClient, bearer: dict[str, str]
) -> None:
    recorder = desk.recorder()
    desk.tick("100")
    desk.alert(recorder, {"action": "buy"})
    desk.catch_up()
    path = f"/api/v1/recorders/{recorder.id}/archive"

    refused = client.post(path, headers=bearer)
    assert (refused.status_code, refused.content_type) == (409, "application/problem+json")
    assert "holds MNQ1!" in refused.json["detail"]
    assert client.post(path, json={"close_positions": True}, headers=bearer).status_code == 200
    desk.catch_up()

    assert [trade["exit_reason"] for trade in desk.trades(recorder)] == ["manual"]
    assert names(client, bearer) == []
    assert len(client.get("/api/v1/trades", headers=bearer).json["items"]) == 1
    assert_as_replayed(desk)


def test_the_pages_ask_first_and_list_it_apart(desk: Desk, browser: FlaskClient) -> None:
    recorder = desk.recorder(name="Old strategy")
    page = f"/recorders/{recorder.id}"

    assert "Archive Old strategy?" in browser.get(f"{page}/archive").text
    assert "It is archived" in browser.post(f"{page}/archive", follow_redirects=True).text
    assert "Old strategy" not in browser.get("/recorders").text
    assert "Archived recorders: 1" in browser.get("/recorders").text
    assert "Old strategy" in browser.get("/recorders?archived=").text
    assert "back among" in browser.post(f"{page}/restore", follow_redirects=True).text
    assert "Old strategy" in browser.get("/recorders").text


def test_nobody_archives_what_is_somebody_elses(desk: Desk, client: FlaskClient, other_trader: Trader) -> None:
    recorder = desk.recorder()
    for what in ("archive", "restore"):
        path = f"/api/v1/recorders/{recorder.id}/{what}"
        assert client.post(path, headers=other_trader.bearer).status_code == 404
