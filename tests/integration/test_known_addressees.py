"""What a web process remembers of recorders may be outdated by what others did since: never an alert taken by it."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Lock
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, select
from sqlalchemy.engine import Connection

from shared.bus.waiting_bodies import AlertBody
from shared.domain.recorder_settings import parse_recorder_settings
from shared.intake.alert_intake import APART_AT_ONCE, AlertIntake
from shared.intake.alert_store import AcceptedAlert, AlertStore
from shared.settings import Settings
from shared.store.recorders import delete_recorder, rotate_webhook_token, update_recorder
from shared.store.tables import recorded_signals
from shared.tokens import TokenCipher, token_hash
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

    assert [statement.split()[:2] for statement in statements] == [["WITH", "given"]]


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


def test_no_more_recorders_are_looked_up_at_once_than_there_are_connections(
    app: Flask, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []
    looking_up, lock = [0], Lock()

    def count(self: AlertStore, *request: Any) -> Any:
        with lock:
            looking_up[0] += 1
            counts.append(looking_up[0])
        try:
            time.sleep(0.02)
            return look_up(self, *request)
        finally:
            with lock:
                looking_up[0] -= 1

    look_up = AlertStore.look_up
    monkeypatch.setattr(AlertStore, "look_up", count)
    monkeypatch.setattr(AlertStore, "recall", lambda *_: None)
    with ThreadPoolExecutor(40) as pool:
        codes = set(
            pool.map(lambda _: app.test_client().post(f"/webhook/{trader.token}", data=BUY).status_code, range(60))
        )

    assert codes == {200}
    assert 1 < max(counts) <= APART_AT_ONCE


def test_many_alerts_at_once_are_stored_in_few_commits(known: FlaskClient, app: Flask, trader: Trader) -> None:
    statements: list[str] = []

    @event.listens_for(app.extensions["recorder"].intake_engine, "before_cursor_execute")
    def note(_: Connection, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: known.post(f"/webhook/{trader.token}", data=BUY), range(160)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json["signal_id"] for answer in answers}) == 160
    assert len(statements) < 80


def test_in_a_group_each_alert_gets_its_own_answer(
    app: Flask, engine: Engine, trader: Trader, other_trader: Trader
) -> None:
    """One is stored, one refused, one of an edited recorder, one the duplicate of another, one stored already."""
    store: AlertStore = app.extensions["recorder"].alert_store
    intake: AlertIntake = app.extensions["recorder"].alerts
    named = json.dumps({"action": "buy", "time": "2026-11-23T10:00:00Z"})
    sent = [(trader.token, BUY), (trader.token, "nonsense"), (other_trader.token, BUY), (trader.token, named)]
    for token, text in sent:
        assert app.test_client().post(f"/webhook/{token}", data=text).status_code in {200, 422}
    bodies = [body(token, text) for token, text in sent]
    accepted = [AcceptedAlert(alert=each, acceptance=store.recall(each)) for each in bodies]
    before = len(rows(engine))
    edit(engine, other_trader, name="MNQ scalper", symbol="ES1!")

    outcomes = intake._take_together([*accepted, accepted[0]])

    stored, refused, edited, duplicate, again = outcomes
    assert (stored.signal.status, refused.signal.status) == ("accepted", "rejected")
    assert (edited, duplicate) == (None, None), "these are looked at once more, each by itself"
    assert again == stored
    new = rows(engine)[before:]
    assert [row.id for row in new] == [stored.signal.id, refused.signal.id]
    assert [row.recorded_at is None for row in new] == [True, False]


def body(token: str, text: str) -> AlertBody:
    now = datetime.now(UTC)
    return AlertBody(intake_id=uuid4(), token_hash=token_hash(token), body=text.encode(), received_at=now, place=0)


def edit(engine: Engine, trader: Trader, **stated: Any) -> None:
    with engine.begin() as connection:
        assert update_recorder(connection, trader.id, trader.recorder.id, parse_recorder_settings(stated))


def rows(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(recorded_signals).order_by(recorded_signals.c.id)))
