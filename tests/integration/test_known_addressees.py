"""What a web process remembers of recorders may be outdated by what others did since: never an alert taken by it."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, select
from sqlalchemy.engine import Connection

from services.web.backend import ALERTS_AT_ONCE
from shared.domain.recorder_settings import parse_recorder_settings
from shared.intake.alert_store import AlertStore
from shared.settings import Settings
from shared.store.recorders import delete_recorder, rotate_webhook_token, update_recorder
from shared.store.tables import recorded_signals
from shared.tokens import TokenCipher
from tests.integration.conftest import Trader

BUY = json.dumps({"action": "buy", "price": "25000.25"})
NAMED = json.dumps({"action": "buy", "price": "25000.25", "recorder": "MNQ scalper"})


@pytest.fixture
def known(client: FlaskClient, trader: Trader) -> FlaskClient:
    """A web process that has taken alerts of the trader's, by both of their URLs."""
    for url, body in ((trader.token, BUY), (trader.made.webhook_token, NAMED)):
        assert client.post(f"/webhook/{url}", data=body).status_code == 200
    return client


@pytest.mark.parametrize("by_user_url", [False, True])
def test_edited_settings_are_in_force_for_the_next_alert(
    known: FlaskClient, engine: Engine, trader: Trader, *, by_user_url: bool
) -> None:
    edit(engine, trader, name="MNQ scalper", symbol="ES1!")

    url, body = (trader.made.webhook_token, NAMED) if by_user_url else (trader.token, BUY)
    answer = known.post(f"/webhook/{url}", data=body)

    row = rows(engine)[-1]
    assert (answer.status_code, row.ticker) == (200, "ES1!")
    assert row.settings_id > trader.recorder.settings_id


def test_a_recorder_that_was_renamed_is_not_found_by_its_old_name(
    known: FlaskClient, engine: Engine, trader: Trader
) -> None:
    edit(engine, trader, name="other", symbol="MNQ1!")

    answer = known.post(f"/webhook/{trader.made.webhook_token}", data=NAMED)

    assert answer.status_code == 422
    assert "you have none with the name 'MNQ scalper'" in answer.json["reason"]


def test_a_rotated_token_is_nobodys(known: FlaskClient, engine: Engine, trader: Trader, settings: Settings) -> None:
    with engine.begin() as connection:
        token = rotate_webhook_token(connection, trader.id, trader.recorder.id, TokenCipher(settings.secret_key))
    stored = len(rows(engine))

    codes = [known.post(f"/webhook/{each}", data=BUY).status_code for each in (trader.token, token)]

    assert codes == [404, 200]
    assert len(rows(engine)) == stored + 1


def test_a_deleted_recorder_takes_nothing(known: FlaskClient, engine: Engine, trader: Trader) -> None:
    with engine.begin() as connection:
        assert delete_recorder(connection, trader.id, trader.recorder.id)

    assert known.post(f"/webhook/{trader.token}", data=BUY).status_code == 404
    assert known.post(f"/webhook/{trader.made.webhook_token}", data=NAMED).status_code == 422


def test_an_alert_of_a_known_recorder_costs_one_statement(known: FlaskClient, app: Flask, trader: Trader) -> None:
    statements: list[str] = []
    intake_engine = app.extensions["recorder"].intake_engine

    @event.listens_for(intake_engine, "before_cursor_execute")
    def note(_: Connection, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement)

    assert known.post(f"/webhook/{trader.token}", data=BUY).status_code == 200

    assert [statement.split()[:2] for statement in statements] == [["WITH", "current_target"]]


def test_signals_of_one_recorder_become_visible_in_the_order_of_their_times(
    app: Flask, engine: Engine, trader: Trader
) -> None:
    assert app.test_client().post(f"/webhook/{trader.token}", data=BUY).status_code == 200

    def post(_: int) -> int:
        return app.test_client().post(f"/webhook/{trader.token}", data=BUY).status_code

    seen: list[Any] = []
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(post, number) for number in range(120)]
        while not all(answer.done() for answer in answers):
            seen += sorted({row.created_at for row in rows(engine)} - set(seen))

    seen += sorted({row.created_at for row in rows(engine)} - set(seen))
    assert {answer.result() for answer in answers} == {200}
    assert seen == sorted(seen)


def test_no_more_alerts_are_stored_at_once_than_connections_can_serve_soon(
    app: Flask, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    storing, lock = [0], Lock()

    def count(self: AlertStore, *request: Any) -> Any:
        with lock:
            storing[0] += 1
            counts.append(storing[0])
        try:
            time.sleep(0.02)
            return store(self, *request)
        finally:
            with lock:
                storing[0] -= 1

    store = AlertStore.store
    monkeypatch.setattr(AlertStore, "store", count)
    with ThreadPoolExecutor(60) as pool:
        codes = set(
            pool.map(lambda _: app.test_client().post(f"/webhook/{trader.token}", data=BUY).status_code, range(90))
        )

    assert codes == {200}
    assert 1 < max(counts) <= ALERTS_AT_ONCE


def edit(engine: Engine, trader: Trader, **stated: Any) -> None:
    with engine.begin() as connection:
        assert update_recorder(connection, trader.id, trader.recorder.id, parse_recorder_settings(stated))


def rows(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(recorded_signals).order_by(recorded_signals.c.id)))
