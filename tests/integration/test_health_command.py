"""`recorder health` tells docker-compose whether the service in its own container lives."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from click.testing import CliRunner, Result
from redis import Redis

from cli.health import health
from shared.bus.heartbeat import SERVICES, Heartbeat, instance_name

UNREACHABLE = "redis://127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg2://nobody@127.0.0.1:1/nowhere")
    monkeypatch.setenv("REDIS_URL", UNREACHABLE)
    monkeypatch.setenv("SECRET_KEY", "0" * 32)


def test_a_service_that_beats_here_lives(redis_client: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    Heartbeat(redis_client, "price_feed").beat_if_due(dict)

    assert (asked("price_feed").exit_code, asked("price_feed").output) == (0, "price_feed lives\n")
    assert asked("tpsl_worker").exit_code == 1


def test_a_beat_of_another_container_or_of_long_ago_is_no_sign_of_life(
    redis_client: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    redis_client.hset(SERVICES, f"recorder_worker:another-{os.getpid()}", json.dumps({"at": time.time()}))
    redis_client.hset(SERVICES, f"price_feed:{instance_name()}", json.dumps({"at": time.time() - 11}))

    assert asked("recorder_worker").output == "recorder_worker gave no sign of life from here in 10 seconds.\n"
    assert asked("price_feed").exit_code == 1


def test_a_redis_that_is_away_is_said() -> None:
    answer = asked("price_feed")

    assert answer.exit_code == 1
    assert answer.output.startswith("Redis does not answer: ")


def test_web_lives_when_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering() as port:
        monkeypatch.setenv("PORT", str(port))
        assert asked("web").exit_code == 0

    assert asked("web").output == f"web does not answer on port {port}.\n"


def asked(service: str) -> Result:
    return CliRunner().invoke(health, [service])


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def answering() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Healthy) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()
