"""The web service on real servers, with two users who each have a recorder."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from services.web.backend import Backend
from shared.domain.recorder_settings import parse_recorder_settings
from shared.settings import Settings
from shared.store import users
from shared.store.recorders import Recorder, create_recorder
from shared.store.users import NewUser, change_password, create_user, rotate_api_key
from shared.tokens import TokenCipher
from tests.alert_requests import create_web
from tests.trading import Desk, empty_desk

PASSWORD = "correct horse"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Trader:
    """A user with a recorder of MNQ1!, and all of their secrets."""

    made: NewUser
    recorder: Recorder
    token: str

    @property
    def id(self) -> int:
        return self.made.user.id

    @property
    def name(self) -> str:
        return self.made.user.name

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.made.api_key}"}


class Program:
    """The program of one user, who says which answers it expects."""

    def __init__(self, client: FlaskClient, api_key: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {api_key}"}

    def post(self, path: str, body: object = None, *, code: int = 202) -> Any:
        answer = self._client.post(f"/api/v1{path}", json=body, headers=self._headers)
        assert answer.status_code == code, answer.text
        if code >= 400:
            assert answer.content_type == "application/problem+json"
        return answer.json

    def get(self, path: str) -> Any:
        answer = self._client.get(f"/api/v1{path}", headers=self._headers)
        assert answer.status_code == 200, answer.text
        return answer.json


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with less work than in service, where each takes a tenth of a second."""
    monkeypatch.setattr(users, "_METHOD", "scrypt:1024:8:1")


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_web(settings)
    yield app
    backend: Backend = app.extensions["recorder"]
    backend.engine.dispose()
    backend.intake_engine.dispose()
    backend.redis.close()
    backend.intake_bus.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def trader(engine: Engine, settings: Settings) -> Trader:
    return make_trader(engine, settings)


@pytest.fixture
def other_trader(engine: Engine, settings: Settings) -> Trader:
    return make_trader(engine, settings)


@pytest.fixture
def desk(engine: Engine, redis_client: Redis) -> Desk:
    return empty_desk(engine, redis_client)


@pytest.fixture
def program(client: FlaskClient, desk: Desk) -> Program:
    """A program of the user whose desk it is."""
    with desk.engine.begin() as connection:
        return Program(client, rotate_api_key(connection, desk.user_id))


@pytest.fixture
def browser(client: FlaskClient, desk: Desk) -> FlaskClient:
    """A browser in which the user whose desk it is has signed in."""
    with desk.engine.begin() as connection:
        change_password(connection, desk.user_id, PASSWORD)
    assert client.post("/login", data={"name": "trader", "password": PASSWORD}).status_code == 302
    return client


def make_trader(engine: Engine, settings: Settings) -> Trader:
    cipher = TokenCipher(settings.secret_key)
    wanted = parse_recorder_settings({"name": "MNQ scalper", "symbol": "MNQ1!"})
    with engine.begin() as connection:
        made = create_user(connection, f"trader {next(_numbers)}", PASSWORD, cipher)
        recorder, token = create_recorder(connection, made.user.id, wanted, cipher)
    return Trader(made=made, recorder=recorder, token=token)
