import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, select, update

from services.web.backend import Backend
from shared.bus.queues import QUEUE, WAKE
from shared.domain.contracts import Contract
from shared.domain.places import place_from_stream_id
from shared.settings import Settings
from shared.store.contracts import add_contract, contracts_in_force
from shared.store.tables import recorded_signals, recorders
from shared.tokens import make_token
from tests.alert_requests import create_web
from tests.integration.conftest import Trader

BUY = json.dumps({"action": "buy", "ticker": "CME_MINI:MNQ1!", "price": "25000.25", "quantity": 2})
NOWHERE = "postgresql+psycopg2://nobody@127.0.0.1:1/nowhere"


@pytest.fixture
def without_redis(settings: Settings) -> Iterator[FlaskClient]:
    yield from _client(replace(settings, redis_url="redis://127.0.0.1:1/0"))


@pytest.fixture
def without_postgres(settings: Settings) -> Iterator[FlaskClient]:
    yield from _client(replace(settings, database_url=NOWHERE))


def _client(settings: Settings) -> Iterator[FlaskClient]:
    app = create_web(settings)
    client = app.test_client()
    yield client
    backend_of(client).intake_engine.dispose()
    backend_of(client).intake_bus.close()


def backend_of(client: FlaskClient) -> Backend:
    backend: Backend = client.application.extensions["recorder"]
    return backend


def test_an_alert_is_stored_at_its_place_in_the_tick_log_and_wakes_a_worker(
    client: FlaskClient, engine: Engine, trader: Trader, redis_client: Redis
) -> None:
    heads = {"place": "1763838000123-7", "MNQ1!": "1763838000120-2 25001.75 1763838000000000000"}
    redis_client.hset("ticks:heads", mapping=heads)

    answer = client.post(f"/webhook/{trader.token}", data=BUY)

    row = stored(engine, answer.json["signal_id"])
    assert (answer.status_code, answer.json) == (
        200,
        {"success": True, "signal_id": row["id"], "status": "accepted"},
    )
    assert row["raw_data"] == BUY.encode()
    assert (row["user_id"], row["recorder_id"]) == (trader.id, trader.recorder.id)
    assert row["settings_id"] == trader.recorder.settings_id
    assert (row["action"], row["ticker"], row["price"]) == ("buy", "MNQ1!", Decimal("25000.25"))
    assert row["place"] == place_from_stream_id("1763838000123-7")
    assert row["market_price"] == Decimal("25001.75")
    assert (row["status"], row["reason"], row["recorded_at"]) == ("accepted", None, None)
    assert row["received_at"] <= row["created_at"]
    backend_of(client).intake_bus.close()
    assert redis_client.llen(f"rq:queue:{QUEUE}") == 1
    assert redis_client.exists(WAKE) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"\x00\xff\xfe not a signal", ""),
        (b'{"action": "buy", "ticker": "\\u0000\\ud800"}', "unknown symbol"),
        (b'{"action": "buy", "quantity": 1.5}', "1.5"),
        (b'{"action": "buy", "price": "NaN"}', "NaN"),
        (b'{"action": "buy", "price": "{{close}}"}', "{{close}}"),
        (b'{"action": "buy", "ticker": "XYZ1!"}', "unknown symbol XYZ1!"),
        (b'{"ticker": "MNQ1!"}', "action"),
    ],
)
def test_what_is_not_a_signal_is_stored_byte_for_byte_with_its_reason(
    client: FlaskClient, engine: Engine, trader: Trader, redis_client: Redis, body: bytes, reason: str
) -> None:
    answer = client.post(f"/webhook/{trader.token}", data=body)

    row = stored(engine, answer.json["signal_id"])
    assert answer.status_code == 422
    assert answer.json["status"] == "rejected"
    assert reason in answer.json["reason"]
    assert row["raw_data"] == body
    assert (row["status"], row["reason"]) == ("rejected", answer.json["reason"])
    assert row["recorded_at"] is not None
    backend_of(client).intake_bus.close()
    assert redis_client.exists(WAKE) == 0


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data", "image/png", ""])
def test_the_content_type_does_not_matter(client: FlaskClient, trader: Trader, content_type: str) -> None:
    assert client.post(f"/webhook/{trader.token}", data=BUY, content_type=content_type).status_code == 200


def test_closing_everything_needs_no_symbol(client: FlaskClient, engine: Engine, trader: Trader) -> None:
    answer = client.post(f"/webhook/{trader.token}", data="closeall")

    row = stored(engine, answer.json["signal_id"])
    assert (row["status"], row["ticker"], row["contract_id"]) == ("accepted", None, None)
    assert row["place"] == 0


def test_a_body_without_symbol_is_for_the_recorders_own(client: FlaskClient, engine: Engine, trader: Trader) -> None:
    answer = client.post(f"/webhook/{trader.token}", data="buy")

    assert stored(engine, answer.json["signal_id"])["ticker"] == "MNQ1!"


def test_the_users_own_url_goes_to_the_recorder_that_the_body_names(
    client: FlaskClient, engine: Engine, trader: Trader, other_trader: Trader
) -> None:
    body = {"recorder": other_trader.recorder.name, "action": "buy"}

    answer = client.post(f"/webhook/{trader.made.webhook_token}", json=body)

    assert answer.status_code == 200
    assert stored(engine, answer.json["signal_id"])["recorder_id"] == trader.recorder.id


@pytest.mark.parametrize("name", ["", "no such", "\0", "\ud800"])
def test_the_users_own_url_keeps_an_alert_for_nobody(
    client: FlaskClient, engine: Engine, trader: Trader, name: str
) -> None:
    answer = client.post(f"/webhook/{trader.made.webhook_token}", data=json.dumps({"name": name, "action": "buy"}))

    row = stored(engine, answer.json["signal_id"])
    assert answer.status_code == 422
    assert "recorder" in row["reason"]
    assert (row["user_id"], row["recorder_id"], row["status"]) == (trader.id, None, "rejected")


@pytest.mark.parametrize("token", ["unknown", "x" * 2000, "%00", "%ED%A0%80", "ünknown"])
def test_an_unknown_token_is_404_with_one_answer(client: FlaskClient, token: str) -> None:
    posted, asked = client.post(f"/webhook/{token}", data=BUY), client.get(f"/webhook/{token}")

    assert (posted.status_code, asked.status_code) == (404, 404)
    assert posted.json == asked.json == {"success": False, "error": "no recorder has this URL"}


def test_a_get_says_that_the_url_works_and_changes_nothing(client: FlaskClient, engine: Engine, trader: Trader) -> None:
    before = number_of_signals(engine)

    answers = [client.get(f"/webhook/{token}") for token in (trader.token, trader.made.webhook_token)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert number_of_signals(engine) == before


def test_a_body_of_64_kib_is_taken_and_one_byte_more_is_not(client: FlaskClient, trader: Trader) -> None:
    filled = BUY.ljust(64 * 1024)

    assert client.post(f"/webhook/{trader.token}", data=filled).status_code == 200
    assert client.post(f"/webhook/{trader.token}", data=filled + " ").status_code == 413


def test_more_alerts_than_the_limit_wait_for_the_next_minute(
    settings: Settings, trader: Trader, other_trader: Trader
) -> None:
    for client in _client(replace(settings, webhook_rate_limit=2)):
        codes = [client.post(f"/webhook/{trader.token}", data=BUY).status_code for _ in range(3)]
        others = client.post(f"/webhook/{other_trader.token}", data=BUY)
        last = client.post(f"/webhook/{trader.made.webhook_token}", json={"name": "MNQ scalper", "action": "buy"})

    assert codes == [200, 200, 429]
    assert others.status_code == 200
    assert last.status_code == 429
    assert 0 < int(last.headers["Retry-After"]) <= 60


def test_without_redis_an_alert_is_stored_without_a_place_before_the_sender_gives_up(
    without_redis: FlaskClient, engine: Engine, trader: Trader
) -> None:
    began_at = time.monotonic()

    answer = without_redis.post(f"/webhook/{trader.token}", data=BUY)

    row = stored(engine, answer.json["signal_id"])
    assert time.monotonic() - began_at < 3
    assert answer.status_code == 200
    assert (row["status"], row["place"], row["market_price"]) == ("accepted", None, None)


def test_an_alert_that_neither_server_takes_is_503_so_that_tradingview_sends_it_again(settings: Settings) -> None:
    for client in _client(replace(settings, database_url=NOWHERE, redis_url="redis://127.0.0.1:1/0")):
        answer = client.post(f"/webhook/{make_token()}", data=BUY)

    assert (answer.status_code, answer.json["success"]) == (503, False)
    assert answer.headers["Retry-After"]


def test_whether_a_url_works_is_not_known_without_postgres(without_postgres: FlaskClient) -> None:
    assert without_postgres.get(f"/webhook/{make_token()}").status_code == 503


def test_no_log_line_shows_a_token(client: FlaskClient, trader: Trader, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        client.post(f"/webhook/{trader.token}", data=BUY)

    assert "webhook" in caplog.messages
    assert trader.token not in "".join(str(record.__dict__) for record in caplog.records)


def test_a_corrected_contract_is_in_force_for_the_next_alert(
    client: FlaskClient, engine: Engine, trader: Trader
) -> None:
    before = stored(engine, client.post(f"/webhook/{trader.token}", data=BUY).json["signal_id"])
    with engine.begin() as connection:
        known: Contract = contracts_in_force(connection, trader.id).by_root["MNQ"]
        own_id = add_contract(connection, replace(known, multiplier=Decimal(3)), user_id=trader.id)

    after = stored(engine, client.post(f"/webhook/{trader.token}", data=BUY).json["signal_id"])

    assert before["contract_id"] != own_id
    assert after["contract_id"] == own_id


def test_only_listed_addresses_may_post(settings: Settings, trader: Trader) -> None:
    listed = replace(settings, webhook_ip_allowlist=(ip_network("52.89.214.238/32"),), trust_proxy=1)
    for client in _client(listed):
        codes = [
            client.post(f"/webhook/{trader.token}", data=BUY, headers={"X-Forwarded-For": address}).status_code
            for address in ("52.89.214.238", "10.0.0.1", "unknown")
        ]

    assert codes == [200, 403, 403]


def test_an_alert_is_taken_while_a_worker_holds_the_recorder(
    client: FlaskClient, engine: Engine, trader: Trader
) -> None:
    with engine.begin() as connection:
        held = update(recorders).where(recorders.c.id == trader.recorder.id).values(signal_count=7)
        connection.execute(held)

        assert client.post(f"/webhook/{trader.token}", data=BUY).status_code == 200


def test_ids_of_alerts_that_arrive_together_are_all_kept(app: Flask, trader: Trader) -> None:
    def post(_: int) -> int:
        answer: Any = app.test_client().post(f"/webhook/{trader.token}", data=BUY)
        signal_id: int = answer.json["signal_id"]
        return signal_id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(post, range(40)))

    assert len(ids) == 40


def stored(engine: Engine, signal_id: int) -> dict[str, Any]:
    with engine.connect() as connection:
        row = connection.execute(select(recorded_signals).where(recorded_signals.c.id == signal_id)).mappings().one()
    return dict(row)


def number_of_signals(engine: Engine) -> int:
    with engine.connect() as connection:
        return len(connection.execute(select(recorded_signals.c.id)).all())
