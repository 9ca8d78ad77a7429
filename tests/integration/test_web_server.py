"""The web service as it runs: its own process, its own port."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine, select

from shared.settings import Settings
from shared.store.tables import recorded_signals
from tests.integration.conftest import PASSWORD, Trader
from tests.trading import wait_until

RECORDER = Path(sys.executable).with_name("recorder")


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_key,
        "PORT": str(free_port()),
    }


@pytest.fixture
def server(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [RECORDER, "web"], env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        wait_for_port(int(environment["PORT"]), process)
        yield process
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_the_server_takes_alerts_refuses_large_ones_and_stops_when_told_to(
    server: subprocess.Popen[str], environment: dict[str, str], trader: Trader
) -> None:
    port = int(environment["PORT"])

    assert post(port, trader.token, [b'{"action": ', b'"buy"}']) == 200
    assert post(port, trader.token, [b" " * 1024] * 65) == 413
    assert post(port, trader.token, [b" " * 1024] * 1000) == 413
    assert post(port, "unknown", [b"buy"]) == 404
    server.send_signal(signal.SIGTERM)
    _, log = server.communicate(timeout=10)

    assert server.returncode == 0
    assert log.count('"event": "webhook"') == 4
    assert "Traceback" not in log
    assert trader.token not in log


@pytest.mark.usefixtures("server")
def test_clients_that_never_hang_up_keep_nobody_waiting(environment: dict[str, str], trader: Trader) -> None:
    port, body = int(environment["PORT"]), b"buy"
    head = f"POST /webhook/{trader.token} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}"
    with ExitStack() as open_until_the_end:
        for _ in range(20):
            client = open_until_the_end.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            client.sendall(head.encode() + b"\r\n\r\n" + body)
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
        assert post(port, trader.token, [body]) == 200


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("framing", ["Content-Length: 500", "Transfer-Encoding: chunked"])
def test_an_alert_that_is_cut_off_is_not_taken(
    environment: dict[str, str], trader: Trader, engine: Engine, framing: str
) -> None:
    port = int(environment["PORT"])
    head = f"POST /webhook/{trader.token} HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(head.encode() + b"3\r\nbuy\r\n")
        time.sleep(0.2)
    assert post(port, trader.token, [b"sell"]) == 200

    with engine.connect() as connection:
        ours = select(recorded_signals.c.raw_data).where(recorded_signals.c.user_id == trader.id)
        assert connection.execute(ours).scalars().all() == [b"sell"]


def test_a_server_whose_watcher_was_killed_leaves_its_port_to_the_next(
    server: subprocess.Popen[str], environment: dict[str, str]
) -> None:
    server.kill()
    server.wait()
    wait_until(lambda: is_free(int(environment["PORT"])))


def test_an_open_live_stream_does_not_keep_the_server_from_stopping(
    server: subprocess.Popen[str], environment: dict[str, str], trader: Trader
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(environment["PORT"]), timeout=10)
    cookie = log_in(int(environment["PORT"]), trader)
    connection.request("GET", "/live", headers={"Cookie": cookie})
    assert connection.getresponse().status == 200

    server.send_signal(signal.SIGTERM)

    server.communicate(timeout=10)
    connection.close()


def test_many_live_streams_go_on_side_by_side(
    server: subprocess.Popen[str], environment: dict[str, str], trader: Trader
) -> None:
    port = int(environment["PORT"])
    cookie = log_in(port, trader)
    with ExitStack() as streams:
        answers = []
        for _ in range(8):
            connection = streams.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)))
            connection.request("GET", "/live", headers={"Cookie": cookie})
            answers.append(connection.getresponse())
        assert [each.readline() for each in answers] == [b"retry: 2000\n"] * 8
        assert [each.readline() + each.readline()[:5] for each in answers] == [b"\ndata:"] * 8
    server.send_signal(signal.SIGTERM)
    _, log = server.communicate(timeout=10)
    assert "Traceback" not in log


def test_a_taken_port_stops_the_start_with_a_sentence(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [RECORDER, "web"],
            env=environment | {"PORT": str(port)},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    assert ended.returncode != 0
    assert f"port {port} on 127.0.0.1" in ended.stderr
    assert ended.stderr.strip().count("\n") == 0


def post(port: int, token: str, chunks: list[bytes]) -> int:
    """Post a chunked body, whose length the server is not told beforehand; returns the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", f"/webhook/{token}", body=iter(chunks), encode_chunked=True)
        return connection.getresponse().status
    finally:
        connection.close()


def log_in(port: int, trader: Trader) -> str:
    """Log in; returns the cookie of the session."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    form = urlencode({"name": trader.name, "password": PASSWORD})
    connection.request("POST", "/login", body=form, headers={"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    connection.close()
    return answer.headers["Set-Cookie"].partition(";")[0]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def wait_for_port(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
    pytest.fail("the web service did not start")
