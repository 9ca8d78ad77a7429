"""The web service on real servers, with two users who each have a recorder."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from services.web import create_app
from services.web.backend import Backend
from shared.domain.recorder_settings import parse_recorder_settings
from shared.settings import Settings
from shared.store import users
from shared.store.recorders import Recorder, create_recorder
from shared.store.users import NewUser, create_user
from shared.tokens import TokenCipher

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


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with less work than in service, where each takes a tenth of a second."""
    monkeypatch.setattr(users, "_METHOD", "scrypt:1024:8:1")


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
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


def make_trader(engine: Engine, settings: Settings) -> Trader:
    cipher = TokenCipher(settings.secret_key)
    wanted = parse_recorder_settings({"name": "MNQ scalper", "symbol": "MNQ1!"})
    with engine.begin() as connection:
        made = create_user(connection, f"trader {next(_numbers)}", PASSWORD, cipher)
        recorder, token = create_recorder(connection, made.user.id, wanted, cipher)
    return Trader(made=made, recorder=recorder, token=token)
