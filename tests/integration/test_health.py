from dataclasses import replace

from flask.testing import FlaskClient
from redis import Redis

from services.web.app import create_app
from services.web.backend import Backend
from shared.bus.heartbeat import SERVICES, Heartbeat
from shared.settings import Settings


def test_alive_is_answered_without_any_dependency(settings: Settings) -> None:
    away = replace(settings, redis_url="redis://127.0.0.1:1/0", database_url=settings.database_url + "_missing")

    assert create_app(away).test_client().get("/healthz").json == {"status": "ok"}


def test_ready_means_that_dependencies_answer_and_services_beat(client: FlaskClient, redis_client: Redis) -> None:
    beat(redis_client, "price_feed", "recorder_worker", "tpsl_worker")

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert {name for name, part in answer.json["dependencies"].items() if part["ok"]} == {"postgres", "redis"}
    assert answer.json["services"]["price_feed"]["age_seconds"] < 10
    assert answer.json["services"]["tpsl_worker"]["instances"] == 1


def test_a_service_that_never_came_or_went_silent_is_not_ready(client: FlaskClient, redis_client: Redis) -> None:
    beat(redis_client, "price_feed", "recorder_worker")
    redis_client.hset(SERVICES, "recorder_worker:other-1", '{"at": 1000, "pid": 1}')
    redis_client.hset(SERVICES, "price_feed:other-1", '{"at": 1000, "pid": 1}')

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json["services"]["price_feed"]["ok"] is True
    assert answer.json["services"]["tpsl_worker"]["ok"] is False


def test_dependencies_that_are_away_are_named(settings: Settings) -> None:
    away = replace(
        settings,
        redis_url="redis://127.0.0.1:1/0",
        database_url="postgresql+psycopg2://nobody@127.0.0.1:1/nowhere",
    )
    app = create_app(away)

    answer = app.test_client().get("/readyz")

    backend: Backend = app.extensions["recorder"]
    backend.intake_engine.dispose()
    assert answer.status_code == 503
    assert {name for name, part in answer.json["dependencies"].items() if not part["ok"]} == {"postgres", "redis"}


def beat(client: Redis, *services: str) -> None:
    for service in services:
        Heartbeat(client, service).beat_if_due(dict)
