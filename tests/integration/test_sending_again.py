"""A rejected signal that its user sends again is an alert like any other, received now."""

from collections.abc import Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, update

from shared.domain.recorder_settings import parse_recorder_settings
from shared.store.recorders import update_recorder
from shared.store.signals import MANUAL
from shared.store.tables import recorded_signals
from tests.integration.conftest import PASSWORD, Trader

UNKNOWN = '{"action": "buy", "price": "100", "time": "2026-11-20T15:00:00Z"}'


@pytest.fixture
def no_symbol(engine: Engine, trader: Trader) -> Trader:
    with_symbol(engine, trader, None)
    return trader


def with_symbol(engine: Engine, trader: Trader, symbol: str | None) -> None:
    settings = parse_recorder_settings({"name": "MNQ scalper", "symbol": symbol})
    with engine.begin() as connection:
        assert update_recorder(connection, trader.id, trader.recorder.id, settings)


def rejected(client: FlaskClient, trader: Trader, body: str = UNKNOWN) -> int:
    answer: Any = client.post(f"/webhook/{trader.token}", data=body)
    assert answer.status_code == 422
    return int(answer.json["signal_id"])


def resend(client: FlaskClient, trader: Trader, signal_id: int) -> Any:
    return client.post(f"/api/v1/signals/{signal_id}/resend", headers=trader.bearer)


def stored(engine: Engine, signal_id: int) -> Mapping[str, Any]:
    with engine.connect() as connection:
        return connection.execute(select(recorded_signals).where(recorded_signals.c.id == signal_id)).mappings().one()


def test_the_same_body_is_accepted_under_the_settings_in_force_now(
    client: FlaskClient, engine: Engine, no_symbol: Trader
) -> None:
    first = rejected(client, no_symbol)
    with_symbol(engine, no_symbol, "MNQ1!")

    answer = resend(client, no_symbol, first)

    assert answer.status_code == 202
    assert answer.json["status"] == "accepted"
    assert answer.headers["Location"] == f"/api/v1/signals/{answer.json['signal_id']}"
    before, again = stored(engine, first), stored(engine, answer.json["signal_id"])
    assert (again["status"], again["ticker"], again["recorder_id"]) == ("accepted", "MNQ1!", no_symbol.recorder.id)
    assert again["raw_data"] == before["raw_data"] == UNKNOWN.encode()
    assert again["settings_id"] > before["settings_id"]
    assert again["received_at"] > before["received_at"]
    assert again["fingerprint"] is None
    assert before["duplicates"] == 0


def test_what_is_refused_again_says_why_and_is_stored(client: FlaskClient, engine: Engine, no_symbol: Trader) -> None:
    answer = resend(client, no_symbol, rejected(client, no_symbol))

    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert "symbol" in answer.json["detail"]
    assert stored(engine, int(answer.headers["Location"].rpartition("/")[2]))["status"] == "rejected"


def test_only_a_rejected_signal_is_sent_again(client: FlaskClient, trader: Trader) -> None:
    accepted: Any = client.post(f"/webhook/{trader.token}", data=UNKNOWN)

    answer = resend(client, trader, accepted.json["signal_id"])

    assert answer.status_code == 409
    assert "accepted, not rejected" in answer.json["detail"]


def test_nobody_sends_what_is_somebody_elses(client: FlaskClient, no_symbol: Trader, other_trader: Trader) -> None:
    signal_id = rejected(client, no_symbol)

    assert resend(client, other_trader, signal_id).status_code == 404
    assert resend(client, no_symbol, signal_id + 1000).status_code == 404


def test_a_body_to_the_common_url_goes_to_the_recorder_it_names_by_now(
    client: FlaskClient, engine: Engine, trader: Trader
) -> None:
    body = '{"action": "buy", "recorder": "Later"}'
    answer: Any = client.post(f"/webhook/{trader.made.webhook_token}", data=body)
    assert answer.status_code == 422
    assert resend(client, trader, answer.json["signal_id"]).status_code == 422
    made: Any = client.post("/api/v1/recorders", json={"name": "Later", "symbol": "MES1!"}, headers=trader.bearer)

    again = resend(client, trader, answer.json["signal_id"])

    assert again.status_code == 202
    assert stored(engine, again.json["signal_id"])["recorder_id"] == made.json["id"]


def test_what_was_given_by_hand_is_so_again_and_no_alert_becomes_it(
    client: FlaskClient, engine: Engine, trader: Trader
) -> None:
    signal_id = rejected(client, trader, "nonsense")
    body = b'{"action":"close","ticker":"MNQ1!"}'
    with engine.begin() as connection:
        row = update(recorded_signals).where(recorded_signals.c.id == signal_id)
        connection.execute(row.values(signal_type=MANUAL, raw_data=body))
    by_hand = resend(client, trader, signal_id).json["signal_id"]
    with engine.begin() as connection:
        connection.execute(row.values(signal_type="alert"))
    by_alert = resend(client, trader, signal_id).json["signal_id"]

    assert (stored(engine, by_hand)["signal_type"], stored(engine, by_alert)["signal_type"]) == (MANUAL, "alert")


def test_the_page_of_a_rejected_signal_asks_and_sends(client: FlaskClient, engine: Engine, no_symbol: Trader) -> None:
    signal_id = rejected(client, no_symbol)
    with_symbol(engine, no_symbol, "MNQ1!")
    client.post("/login", data={"name": no_symbol.name, "password": PASSWORD})
    page = f"/signals/{signal_id}"

    assert f'href="{page}/resend"' in client.get(page).text
    assert f'action="{page}/resend"' in client.get(f"{page}/resend").text
    answer = client.post(f"{page}/resend", follow_redirects=True)

    assert "Sent again." in answer.text
    assert answer.request.path != page
    assert "/resend" not in answer.text
    assert "Not sent: " in client.post(f"{answer.request.path}/resend", follow_redirects=True).text


def test_a_page_of_others_sends_nothing(client: FlaskClient, no_symbol: Trader, other_trader: Trader) -> None:
    signal_id = rejected(client, no_symbol)
    client.post("/login", data={"name": other_trader.name, "password": PASSWORD})

    assert client.get(f"/signals/{signal_id}/resend").status_code == 404
    assert client.post(f"/signals/{signal_id}/resend").status_code == 404
