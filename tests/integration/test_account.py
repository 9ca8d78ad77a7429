"""A user's own page, and the URL that serves all of their recorders."""

import re
from html import unescape

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select

from cli.main import main
from shared.settings import Settings
from shared.store.tables import recorded_signals
from tests.integration.conftest import PASSWORD, Trader

RECORDERS = "/api/v1/recorders"
NEW_PASSWORD = "battery staple"


@pytest.fixture
def signed_in(client: FlaskClient, trader: Trader) -> FlaskClient:
    return sign_in(client, trader)


def sign_in(client: FlaskClient, trader: Trader, password: str = PASSWORD) -> FlaskClient:
    assert client.post("/login", data={"name": trader.name, "password": password}).status_code == 302
    return client


def pasted(page: str, label: str) -> str:
    found = re.search(rf'aria-label="{label}">([^<]+)</pre><button class="button copy"', page)
    assert found, page
    return unescape(found[1])


def change_password(client: FlaskClient, current: str, new: str) -> tuple[int, str]:
    answer = client.post("/account/password", data={"current": current, "new": new})
    return answer.status_code, answer.text


@pytest.mark.parametrize("path", ["/recorders", "/account"])
def test_the_common_url_is_shown_and_takes_what_the_page_says(
    signed_in: FlaskClient, engine: Engine, trader: Trader, path: str
) -> None:
    page = signed_in.get(path).text
    url = pasted(page, "URL for all recorders")

    answer = signed_in.post(url, data='{"recorder": "MNQ scalper", "action": "pricealert", "price": "1"}')

    assert url == f"http://localhost/webhook/{trader.made.webhook_token}"
    assert (answer.status_code, answer.json["success"]) == (200, True)
    with engine.connect() as connection:
        query = select(func.count()).where(recorded_signals.c.recorder_id == trader.recorder.id)
        assert connection.execute(query).scalar_one() == 1


def test_the_page_of_recorders_names_one_of_them_in_its_example(signed_in: FlaskClient) -> None:
    page = unescape(signed_in.get("/recorders").text)

    assert '<code>"recorder": "MNQ scalper"</code>' in page
    assert "<code>MNQ scalper: buy</code>" in page


def test_the_account_is_reached_from_the_user_name(signed_in: FlaskClient, trader: Trader) -> None:
    assert re.search(rf'<a [^>]*href="/account">{trader.name}</a>', signed_in.get("/").text)


def test_a_new_api_key_is_asked_for_shown_once_and_ends_the_old_one(
    app: Flask, signed_in: FlaskClient, trader: Trader
) -> None:
    asked = signed_in.get("/account/api-key")
    assert "stops working at once" in asked.text
    assert app.test_client().get(RECORDERS, headers=trader.bearer).status_code == 200

    made = signed_in.post("/account/api-key")

    key = pasted(made.text, "API key")
    program = app.test_client()
    assert program.get(RECORDERS, headers={"Authorization": f"Bearer {key}"}).status_code == 200
    assert program.get(RECORDERS, headers=trader.bearer).status_code == 401
    assert made.headers["Cache-Control"] == "no-store"
    assert key not in signed_in.get("/account").text


def test_a_new_password_ends_every_session_but_this_one(app: Flask, signed_in: FlaskClient, trader: Trader) -> None:
    elsewhere = sign_in(app.test_client(), trader)

    assert change_password(signed_in, PASSWORD, NEW_PASSWORD)[0] == 302

    assert "signed out everywhere else" in signed_in.get("/account").text
    assert elsewhere.get(RECORDERS).status_code == 401
    assert sign_in(app.test_client(), trader, NEW_PASSWORD).get(RECORDERS).status_code == 200


@pytest.mark.parametrize(
    ("current", "new", "code", "reason"),
    [
        ("wrong", NEW_PASSWORD, 403, "This is not your password."),
        ("", NEW_PASSWORD, 403, "This is not your password."),
        (PASSWORD, "ninechars", 422, "It takes at least 10 characters."),
    ],
)
def test_a_refused_password_says_why_and_changes_nothing(
    app: Flask, signed_in: FlaskClient, trader: Trader, *, current: str, new: str, code: int, reason: str
) -> None:
    answer = change_password(signed_in, current, new)

    assert answer[0] == code
    assert reason in answer[1]
    sign_in(app.test_client(), trader)


def test_a_session_that_was_left_open_is_no_place_to_guess_the_password(signed_in: FlaskClient) -> None:
    codes = [change_password(signed_in, "wrong", NEW_PASSWORD)[0] for _ in range(10)]

    assert codes == [403] * 9 + [429]  # signing in was the first of ten


def test_the_command_line_replaces_an_api_key(
    client: FlaskClient, settings: Settings, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("REDIS_URL", settings.redis_url)
    monkeypatch.setenv("SECRET_KEY", settings.secret_key)

    done = CliRunner().invoke(main, ["user", "api-key", trader.name])
    unknown = CliRunner().invoke(main, ["user", "api-key", "nobody"])

    key = re.fullmatch(r"API key: (\S+)\n", done.output)
    assert key, done.output
    assert client.get(RECORDERS, headers={"Authorization": f"Bearer {key[1]}"}).status_code == 200
    assert client.get(RECORDERS, headers=trader.bearer).status_code == 401
    assert (unknown.exit_code, unknown.output) == (2, "Error: There is no user 'nobody'.\n")
