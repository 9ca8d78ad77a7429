"""Alerts while Postgres is away: kept by Redis, and moved into Postgres in their order, each once."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import OperationalError

from services.web.backend import Backend
from shared.bus import waiting_bodies
from shared.bus.waiting_bodies import AlertBody, count_waiting, keep_waiting
from shared.catch_up import catch_up
from shared.catching_up import pending_signals as pending_module
from shared.domain.recorder_settings import parse_recorder_settings
from shared.intake import alert_store as alert_store_module
from shared.intake import waiting as waiting_module
from shared.intake.alert_store import AlertStore
from shared.intake.waiting import store_waiting
from shared.settings import Settings
from shared.store.recorders import rotate_webhook_token, update_recorder
from shared.store.tables import recorded_signals
from shared.tokens import TokenCipher, make_token, token_hash
from tests.alert_requests import create_web
from tests.integration.conftest import Trader, make_trader
from tests.trading import Desk

TRADINGVIEW_WAITS_SECONDS = 3
NOWHERE = "postgresql+psycopg2://nobody@127.0.0.1:1/nowhere"


def alert_of(number: int, **others: object) -> str:
    return json.dumps({"action": "buy", "ticker": "MNQ1!", "price": "100", "number": number, **others})


@contextmanager
def web_with(settings: Settings) -> Iterator[FlaskClient]:
    app = create_web(settings)
    yield app.test_client()
    backend: Backend = app.extensions["recorder"]
    backend.intake_engine.dispose()
    backend.intake_bus.close()


@pytest.fixture
def without_postgres(settings: Settings) -> Iterator[FlaskClient]:
    with web_with(replace(settings, database_url=NOWHERE)) as client:
        yield client


@pytest.fixture
def without_redis(settings: Settings) -> Iterator[FlaskClient]:
    with web_with(replace(settings, redis_url="redis://127.0.0.1:1/0")) as client:
        yield client


def rows(engine: Engine, trader: Trader) -> list[dict[str, Any]]:
    statement = select(recorded_signals).where(recorded_signals.c.user_id == trader.id)
    with engine.connect() as connection:
        found = connection.execute(statement.order_by(recorded_signals.c.created_at, recorded_signals.c.id))
        return [dict(row) for row in found.mappings()]


def numbers(engine: Engine, trader: Trader) -> list[int]:
    return [json.loads(row["raw_data"])["number"] for row in rows(engine, trader)]


def body(trader: Trader, text: str = alert_of(1), **others: Any) -> AlertBody:
    stated = {"token_hash": token_hash(trader.token), "body": text.encode(), "received_at": datetime.now(UTC)}
    return AlertBody(**{"intake_id": uuid4(), "place": 7, **stated, **others})


def test_an_alert_waits_at_its_place_and_is_stored_as_it_was_accepted(
    without_postgres: FlaskClient, engine: Engine, trader: Trader, redis_client: Redis
) -> None:
    redis_client.hset("ticks:heads", mapping={"place": "1763838000123-7"})
    before = datetime.now(UTC)

    answer = without_postgres.post(f"/webhook/{trader.token}", data=alert_of(1))

    after = datetime.now(UTC)
    assert (answer.status_code, answer.json) == (200, {"success": True, "signal_id": None, "status": "accepted"})
    assert (count_waiting(redis_client), rows(engine, trader)) == (1, [])
    assert store_waiting(engine, redis_client) == 1
    (row,) = rows(engine, trader)
    assert (row["status"], row["ticker"], row["place"]) == ("accepted", "MNQ1!", (1763838000123 << 20) + 7)
    assert before <= row["received_at"] <= after
    assert row["recorder_id"] == trader.recorder.id
    assert row["raw_data"] == alert_of(1).encode()
    assert count_waiting(redis_client) == 0


@pytest.mark.parametrize(
    "raw", [b"", b"\x00\xff\xfe not a signal", b'{"action": "buy", "quantity": 1.5}', b"\xef\xbb\xbfbuy"]
)
def test_every_body_that_waited_becomes_a_row_byte_for_byte(
    without_postgres: FlaskClient, client: FlaskClient, engine: Engine, trader: Trader, redis_client: Redis, raw: bytes
) -> None:
    assert without_postgres.post(f"/webhook/{trader.token}", data=raw).status_code == 200
    store_waiting(engine, redis_client)
    client.post(f"/webhook/{trader.token}", data=raw)

    waited, direct = rows(engine, trader)

    assert waited["raw_data"] == direct["raw_data"] == raw
    assert (waited["status"], waited["reason"]) == (direct["status"], direct["reason"])


def test_alerts_come_behind_those_that_wait(
    without_postgres: FlaskClient, client: FlaskClient, engine: Engine, trader: Trader, redis_client: Redis
) -> None:
    for number in (1, 2):
        without_postgres.post(f"/webhook/{trader.token}", data=alert_of(number))
    behind = client.post(f"/webhook/{trader.token}", data=alert_of(3))
    store_waiting(engine, redis_client)
    direct = client.post(f"/webhook/{trader.token}", data=alert_of(4))

    assert (behind.json["signal_id"], direct.json["signal_id"] is None) == (None, False)
    assert numbers(engine, trader) == [1, 2, 3, 4]


def test_what_waited_applies_before_what_postgres_took_later_while_redis_was_away(
    without_postgres: FlaskClient, without_redis: FlaskClient, engine: Engine, redis_client: Redis, settings: Settings
) -> None:
    trader = make_trader(engine, settings)
    without_postgres.post(f"/webhook/{trader.token}", data=alert_of(1))
    without_redis.post(f"/webhook/{trader.token}", data=alert_of(2))
    assert numbers(engine, trader) == [2]
    store_waiting(engine, redis_client)

    assert numbers(engine, trader) == [1, 2]


def test_what_came_to_wait_while_signals_were_read_is_applied_before_them(
    desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    trader = make_trader(desk.engine, settings)
    desk.tick("100")
    load = pending_module.load_pending
    loaded = []

    def push_and_load(*args: Any) -> Any:
        if not loaded:  # behind the first look at the list: one waits, and a later one finds Redis away
            keep_waiting(desk.redis, body(trader, alert_of(1)))
            with web_with(replace(settings, redis_url="redis://127.0.0.1:1/0")) as without_redis:
                without_redis.post(f"/webhook/{trader.token}", data=alert_of(2))
        loaded.append(load(*args))
        return loaded[-1]

    monkeypatch.setattr(pending_module, "load_pending", push_and_load)

    assert catch_up(desk.engine, desk.redis, [trader.recorder.id]) == 2

    assert [row["sequence"] for row in rows(desk.engine, trader)] == [1, 2]
    assert numbers(desk.engine, trader) == [1, 2]


def test_nothing_is_applied_before_what_waits(desk: Desk, settings: Settings) -> None:
    trader = make_trader(desk.engine, settings)
    desk.tick("100")
    keep_waiting(desk.redis, body(trader, alert_of(1), place=desk.tick("101")))
    recorder = desk.recorder(sl_enabled=True, sl_amount=4)
    desk.alert(recorder, {"action": "buy", "price": "100"})

    assert desk.catch_up() == 1

    assert numbers(desk.engine, trader) == [1]
    assert count_waiting(desk.redis) == 0


def test_a_move_that_was_cut_off_before_it_took_the_bodies_away_stores_none_twice(
    engine: Engine, trader: Trader, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        keep_waiting(redis_client, body(trader, alert_of(number)))
    with monkeypatch.context() as patch:
        patch.setattr(waiting_module, "remove_waiting", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store_waiting(engine, redis_client)
    assert (numbers(engine, trader), count_waiting(redis_client)) == ([0, 1, 2, 3, 4], 5)

    store_waiting(engine, redis_client)

    assert (numbers(engine, trader), count_waiting(redis_client)) == ([0, 1, 2, 3, 4], 0)


def test_an_alert_that_a_server_stored_after_it_was_given_up_applies_before_those_that_followed_it(
    client: FlaskClient, engine: Engine, trader: Trader, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: list[Any] = []

    def give_up(self: AlertStore, *request: Any) -> None:
        late.append(lambda: store(self, *request))
        raise OperationalError("INSERT", {}, Exception("no answer in 0.8 s"))

    store = AlertStore.store
    with monkeypatch.context() as patch:
        patch.setattr(AlertStore, "store", give_up)
        client.post(f"/webhook/{trader.token}", data=alert_of(1))
    client.post(f"/webhook/{trader.token}", data=alert_of(2))
    late[0]()

    store_waiting(engine, redis_client)

    assert numbers(engine, trader) == [1, 2]


def test_alerts_that_keep_coming_keep_nobody(
    engine: Engine, trader: Trader, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove_while_others_come(*args: Any) -> None:
        remove(*args)
        keep_waiting(redis_client, body(trader, alert_of(2)))

    remove = waiting_module.remove_waiting
    monkeypatch.setattr(waiting_module, "remove_waiting", remove_while_others_come)
    keep_waiting(redis_client, body(trader, alert_of(1)))

    assert store_waiting(engine, redis_client) == 1
    assert count_waiting(redis_client) == 1


def test_an_alert_whose_commit_had_no_answer_is_stored_once(
    client: FlaskClient, engine: Engine, trader: Trader, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = AlertStore.store

    def lose_the_answer(*args: Any) -> Any:
        store(*args)
        raise OperationalError("COMMIT", {}, Exception("the connection broke"))

    with monkeypatch.context() as patch:
        patch.setattr(AlertStore, "store", lose_the_answer)
        answer = client.post(f"/webhook/{trader.token}", data=alert_of(1))
    assert (answer.status_code, count_waiting(redis_client)) == (200, 1)

    store_waiting(engine, redis_client)

    assert (numbers(engine, trader), count_waiting(redis_client)) == ([1], 0)


def test_a_fault_of_our_own_is_kept_too_and_ends_as_a_rejected_row(
    client: FlaskClient, engine: Engine, trader: Trader, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_on_two(*args: Any, **options: Any) -> Any:
        if b'"number": 2' in args[1]:
            raise ZeroDivisionError
        return accept(*args, **options)

    accept = waiting_module.accept_alert
    monkeypatch.setattr(alert_store_module, "accept_alert", fail_on_two)
    monkeypatch.setattr(waiting_module, "accept_alert", fail_on_two)
    codes = [client.post(f"/webhook/{trader.token}", data=alert_of(number)).status_code for number in (1, 2, 3)]

    store_waiting(engine, redis_client)

    found = rows(engine, trader)
    assert codes == [200, 200, 200]
    assert [row["status"] for row in found if b'"number": 2' not in row["raw_data"]] == ["accepted", "accepted"]
    (failed,) = [row for row in found if row["status"] == "rejected"]
    assert "internal error: ZeroDivisionError" in failed["reason"]
    assert count_waiting(redis_client) == 0


def test_an_alert_for_nobody_is_let_go_of_and_holds_up_no_other(
    engine: Engine, trader: Trader, redis_client: Redis
) -> None:
    keep_waiting(redis_client, body(trader, token_hash=token_hash(make_token())))
    keep_waiting(redis_client, body(trader, alert_of(2)))

    assert store_waiting(engine, redis_client) == 2

    assert numbers(engine, trader) == [2]


def test_what_waited_has_the_settings_of_when_it_was_accepted(
    engine: Engine, trader: Trader, redis_client: Redis
) -> None:
    by_token = body(trader, alert_of(1))
    common_url = token_hash(trader.made.webhook_token)
    by_name = body(trader, alert_of(2, recorder=trader.recorder.name), token_hash=common_url)
    changed = parse_recorder_settings({"name": trader.recorder.name, "symbol": "MNQ1!", "initial_position_size": 5})
    with engine.begin() as connection:
        update_recorder(connection, trader.id, trader.recorder.id, changed)
    for each in (by_token, by_name, body(trader, alert_of(3))):
        keep_waiting(redis_client, each)

    store_waiting(engine, redis_client)

    then, by_its_name, now = [row["settings_id"] for row in rows(engine, trader)]
    assert then == by_its_name == trader.recorder.settings_id
    assert now > then


@pytest.mark.usefixtures("redis_client")
def test_a_server_that_never_answers_costs_less_than_tradingview_waits(settings: Settings, trader: Trader) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"postgresql+psycopg2://nobody@127.0.0.1:{silent.getsockname()[1]}/nowhere"
        with web_with(replace(settings, database_url=address)) as client:
            began_at = time.monotonic()
            answer = client.post(f"/webhook/{trader.token}", data=alert_of(1))
            seconds = time.monotonic() - began_at
            first_waits = time.monotonic()
            client.post(f"/webhook/{trader.token}", data=alert_of(2))

    assert answer.status_code == 200
    assert seconds < TRADINGVIEW_WAITS_SECONDS
    assert time.monotonic() - first_waits < 0.5, "who comes behind others does not ask the silent server"


def test_a_full_list_takes_no_more(
    without_postgres: FlaskClient, trader: Trader, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting_bodies, "MOST_BYTES", 2000)

    codes = [without_postgres.post(f"/webhook/{trader.token}", data=alert_of(1)).status_code for _ in range(40)]

    assert set(codes) == {200, 503}
    assert codes == sorted(codes)
    assert count_waiting(redis_client) == codes.count(200)


def test_who_sends_too_much_waits_for_the_next_minute_here_too(settings: Settings, trader: Trader) -> None:
    with web_with(replace(settings, database_url=NOWHERE, webhook_rate_limit=2)) as client:
        codes = [client.post(f"/webhook/{trader.token}", data=alert_of(n)).status_code for n in range(3)]

    assert codes == [200, 200, 429]


def test_readiness_tells_how_many_wait(client: FlaskClient, trader: Trader, redis_client: Redis) -> None:
    assert client.get("/readyz").json["alerts"] == {"ok": True, "waiting": 0}
    keep_waiting(redis_client, body(trader))

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert (answer.json["alerts"]["ok"], answer.json["alerts"]["waiting"]) == (False, 1)


_REJECT = text(
    "UPDATE recorded_signals SET status = 'rejected', reason = 'x', sequence = 1, recorded_at = now() WHERE id = :id"
)


class TestDuplicates:
    def test_an_alert_that_is_sent_again_is_one_signal(
        self, client: FlaskClient, engine: Engine, trader: Trader
    ) -> None:
        resent = alert_of(1, time="2026-11-22T10:00:00Z")

        answers = [client.post(f"/webhook/{trader.token}", data=resent) for _ in range(3)]

        (row,) = rows(engine, trader)
        assert [answer.json for answer in answers] == [
            {"success": True, "signal_id": row["id"], "status": "accepted"}
        ] * 3
        assert row["duplicates"] == 2

    def test_it_gets_the_first_ones_answer_whatever_became_of_it(
        self, client: FlaskClient, engine: Engine, trader: Trader
    ) -> None:
        refused = alert_of(1, id="a", ticker="XYZ1!")
        answers = [client.post(f"/webhook/{trader.token}", data=refused) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [422, 422]
        assert answers[0].json == answers[1].json

        later_rejected = alert_of(2, id="b")
        first = client.post(f"/webhook/{trader.token}", data=later_rejected)
        with engine.begin() as connection:
            statement = (
                "UPDATE recorded_signals SET status = 'rejected', reason = 'x', sequence = 1, recorded_at = now()"
            )
            connection.execute(text(f"{statement} WHERE id = :id"), {"id": first.json["signal_id"]})
        assert client.post(f"/webhook/{trader.token}", data=later_rejected).json == first.json

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (alert_of(1), alert_of(1)),  # neither time nor id: two fills may look alike
            (alert_of(1, id="a"), alert_of(1, id="a") + " "),
            (alert_of(1, id="a"), alert_of(1, id="b")),
        ],
    )
    def test_what_is_not_the_same_is_two_signals(
        self, client: FlaskClient, engine: Engine, trader: Trader, first: str, second: str
    ) -> None:
        for each in (first, second):
            client.post(f"/webhook/{trader.token}", data=each)

        assert len(rows(engine, trader)) == 2

    def test_another_recorders_alert_is_another_signal(
        self, client: FlaskClient, engine: Engine, trader: Trader, other_trader: Trader
    ) -> None:
        for each in (trader, other_trader):
            client.post(f"/webhook/{each.token}", data=alert_of(1, id="a"))

        assert (len(rows(engine, trader)), len(rows(engine, other_trader))) == (1, 1)

    def test_many_that_waited_are_told_apart(self, engine: Engine, trader: Trader, redis_client: Redis) -> None:
        first = body(trader, alert_of(1, id="a"))
        later = first.received_at + timedelta(seconds=61)
        for sent in (
            *(replace(first, intake_id=uuid4()) for _ in range(4)),
            *(body(trader, alert_of(2)) for _ in range(3)),  # neither time nor id
            body(trader, "no signal"),
            body(trader, alert_of(3, id="b")),
            replace(first, intake_id=uuid4(), received_at=later),
            replace(first, intake_id=uuid4(), received_at=later),
            body(trader, alert_of(3, id="b")),
        ):
            keep_waiting(redis_client, sent)

        assert store_waiting(engine, redis_client) == 12

        found = [(row["raw_data"], row["duplicates"]) for row in rows(engine, trader)]
        one, two, three = (alert_of(1, id="a").encode(), alert_of(2).encode(), alert_of(3, id="b").encode())
        assert found == [(one, 3), (two, 0), (two, 0), (two, 0), (b"no signal", 0), (three, 1), (one, 1)]

    def test_an_alert_that_waited_is_the_first_though_the_one_sent_again_was_stored_first(
        self, without_redis: FlaskClient, engine: Engine, trader: Trader, redis_client: Redis
    ) -> None:
        waited = body(trader, alert_of(1, id="a"), place=77)
        keep_waiting(redis_client, waited)
        for text_of in (alert_of(2), waited.body):  # while Redis, where the first one waits, is away
            without_redis.post(f"/webhook/{trader.token}", data=text_of)
        assert numbers(engine, trader) == [2, 1]

        store_waiting(engine, redis_client)

        first, second = rows(engine, trader)
        assert (first["raw_data"], first["received_at"], first["place"]) == (waited.body, waited.received_at, 77)
        assert (first["duplicates"], second["duplicates"]) == (1, 0)

    @pytest.mark.parametrize(("seconds_later", "count"), [(59.9, 1), (60, 1), (60.1, 2)])
    def test_after_a_minute_it_is_another_signal(
        self, engine: Engine, trader: Trader, redis_client: Redis, seconds_later: float, count: int
    ) -> None:
        first = body(trader, alert_of(1, id="a"))
        later = first.received_at + timedelta(seconds=seconds_later)
        for received_at in (first.received_at, later):
            keep_waiting(redis_client, replace(first, intake_id=uuid4(), received_at=received_at))

        store_waiting(engine, redis_client)

        found = rows(engine, trader)
        assert len(found) == count
        assert sum(row["duplicates"] for row in found) == 2 - count

    def test_a_recorder_may_say_that_equal_alerts_are_one(
        self, client: FlaskClient, engine: Engine, trader: Trader
    ) -> None:
        stated = {"name": trader.recorder.name, "symbol": "MNQ1!", "duplicate_window_seconds": 5}
        with engine.begin() as connection:
            update_recorder(connection, trader.id, trader.recorder.id, parse_recorder_settings(stated))

        for _ in range(2):
            client.post(f"/webhook/{trader.token}", data=alert_of(1))

        assert [row["duplicates"] for row in rows(engine, trader)] == [1]

    def test_any_number_at_once_is_one_signal(self, app: Flask, engine: Engine, trader: Trader) -> None:
        def post(_: int) -> int:
            answer = app.test_client().post(f"/webhook/{trader.token}", data=alert_of(1, id="a"))
            assert answer.status_code == 200
            return int(answer.json["signal_id"])

        with ThreadPoolExecutor(8) as pool:
            ids = set(pool.map(post, range(24)))

        (row,) = rows(engine, trader)
        assert (ids, row["duplicates"]) == ({row["id"]}, 23)


def test_a_url_that_was_replaced_while_its_alert_waited_is_nobodys(
    engine: Engine, trader: Trader, redis_client: Redis, settings: Settings
) -> None:
    keep_waiting(redis_client, body(trader))
    with engine.begin() as connection:
        rotate_webhook_token(connection, trader.id, trader.recorder.id, TokenCipher(settings.secret_key))

    assert store_waiting(engine, redis_client) == 1

    assert rows(engine, trader) == []
