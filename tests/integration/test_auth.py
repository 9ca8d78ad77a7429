import re
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from services.web.app import create_app
from services.web.backend import Backend
from shared.settings import Settings
from shared.store.users import UserNameTaken, change_password, create_user, rotate_api_key
from shared.tokens import TokenCipher
from tests.integration.conftest import PASSWORD, Trader

RECORDERS = "/api/v1/recorders"


def log_in(client: FlaskClient, trader: Trader, password: str = PASSWORD, wanted: str = "") -> tuple[int, str]:
    answer = client.post("/login", data={"name": trader.name, "password": password, "next": wanted})
    return answer.status_code, answer.headers.get("Location", "")


def test_a_page_asks_to_log_in_and_is_shown_afterwards(client: FlaskClient, trader: Trader) -> None:
    asked = client.get("/trades?side=LONG")

    assert asked.status_code == 302
    assert asked.location == "/login?next=/trades?side%3DLONG"
    assert log_in(client, trader, wanted="/trades?side=LONG") == (302, "/trades?side=LONG")
    assert client.get(RECORDERS).status_code == 200


def test_every_page_but_the_open_ones_needs_a_log_in(app: Flask, client: FlaskClient) -> None:
    open_ones = {"static", "auth.log_in", "pages.appearance"}
    for rule in app.url_map.iter_rules():
        if rule.endpoint in open_ones or rule.endpoint.startswith(
            ("webhooks.", "health.", "prometheus.", "documentation.")
        ):
            continue
        url = re.sub("<any[^>]*>", "delete", re.sub("<int[^>]*>", "1", rule.rule))
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            answer = client.open(url, method=method)
            turned_away = answer.status_code == 401 or (answer.location or "").startswith("/login")
            assert turned_away, f"{method} {url}"


@pytest.mark.parametrize("name", ["nobody", "", "\0"])
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(
    client: FlaskClient, trader: Trader, name: str
) -> None:
    known = client.post("/login", data={"name": trader.name, "password": "wrong"})
    unknown = client.post("/login", data={"name": name, "password": PASSWORD})

    assert (known.status_code, unknown.status_code) == (403, 403)
    assert "Name or password is wrong." in known.text
    assert "Name or password is wrong." in unknown.text
    assert client.get(RECORDERS).status_code == 401


def test_guessing_passwords_is_stopped_after_ten_attempts_a_minute(client: FlaskClient, trader: Trader) -> None:
    codes = [log_in(client, trader, "wrong")[0] for _ in range(11)]

    assert codes == [403] * 10 + [429]
    assert log_in(client, trader) == (429, "")


def test_logging_out_ends_the_session(client: FlaskClient, trader: Trader) -> None:
    log_in(client, trader)

    assert client.post("/logout").status_code == 302
    assert client.get(RECORDERS).status_code == 401


def test_a_new_password_ends_all_sessions(client: FlaskClient, engine: Engine, trader: Trader) -> None:
    log_in(client, trader)
    with engine.begin() as connection:
        change_password(connection, trader.id, "another one")

    assert client.get(RECORDERS).status_code == 401
    assert log_in(client, trader)[0] == 403
    assert log_in(client, trader, "another one")[0] == 302


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil", "javascript:alert(1)", "/a\nb", ""],
)
def test_logging_in_never_leads_to_another_site(client: FlaskClient, trader: Trader, wanted: str) -> None:
    assert log_in(client, trader, wanted=wanted) == (302, "/")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://localhost"}, 200),
        ({}, 200),
    ],
)
def test_another_site_cannot_change_anything_in_a_users_name(
    client: FlaskClient, trader: Trader, headers: dict[str, str], code: int
) -> None:
    log_in(client, trader)

    assert client.post(f"{RECORDERS}/{trader.recorder.id}/stop", headers=headers).status_code == code


def test_the_session_cookie_is_out_of_reach_for_scripts_and_other_sites(client: FlaskClient, trader: Trader) -> None:
    plain = client.post("/login", data={"name": trader.name, "password": PASSWORD}).headers["Set-Cookie"]
    secure = client.post(
        "/login", data={"name": trader.name, "password": PASSWORD}, base_url="https://localhost"
    ).headers["Set-Cookie"]

    assert "HttpOnly" in plain
    assert "SameSite=Lax" in plain
    assert "Secure" not in plain
    assert "Secure" in secure


def test_forwarded_addresses_count_only_behind_a_proxy(client: FlaskClient, settings: Settings, trader: Trader) -> None:
    behind_proxy = create_app(replace(settings, trust_proxy=1))
    data = {"name": trader.name, "password": "wrong"}

    direct = [client.post("/login", data=data, headers={"X-Forwarded-For": f"10.0.0.{n}"}) for n in range(11)]
    proxied = [
        behind_proxy.test_client().post("/login", data=data, headers={"X-Forwarded-For": f"10.0.0.{n}"})
        for n in range(11)
    ]

    backend: Backend = behind_proxy.extensions["recorder"]
    backend.engine.dispose()
    assert direct[-1].status_code == 429
    assert {answer.status_code for answer in proxied} == {403}


def test_an_api_key_opens_the_api_until_it_is_replaced(client: FlaskClient, engine: Engine, trader: Trader) -> None:
    assert client.get(RECORDERS, headers=trader.bearer).status_code == 200
    with engine.begin() as connection:
        fresh = rotate_api_key(connection, trader.id)

    assert client.get(RECORDERS, headers=trader.bearer).status_code == 401
    assert client.get(RECORDERS, headers={"Authorization": f"Bearer {fresh}"}).status_code == 200


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer", "Bearer \0", "Basic dTpw"])
def test_without_a_valid_key_the_api_says_what_it_wants(client: FlaskClient, header: str) -> None:
    answer = client.get(RECORDERS, headers={"Authorization": header})

    assert (answer.status_code, answer.content_type) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_name_is_given_once(engine: Engine, settings: Settings, trader: Trader) -> None:
    with engine.begin() as connection, pytest.raises(UserNameTaken, match=trader.name):
        create_user(connection, trader.name, "other", TokenCipher(settings.secret_key))


def test_neither_password_nor_tokens_are_stored_readably(engine: Engine, trader: Trader) -> None:
    with engine.connect() as connection:
        stored = str(connection.execute(text("SELECT u::text FROM users u WHERE id = :id"), {"id": trader.id}).one())

    for secret in (PASSWORD, trader.made.webhook_token, trader.made.api_key):
        assert secret not in stored
        assert secret.encode().hex() not in stored


def test_every_answer_says_what_browsers_may_do(client: FlaskClient) -> None:
    headers = client.get("/login").headers

    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
