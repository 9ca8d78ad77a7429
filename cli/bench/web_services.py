"""The web service under load: the real one, or a bare Flask app behind the same server."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from cli.bench.http_load import Address
from cli.bench.stand import BenchFailed, Stand, wait_until
from cli.bench.traders import PASSWORD
from cli.embedded.server import free_port

UNLIMITED = "1000000"  # alerts a minute


@contextmanager
def serving(stand: Stand) -> Iterator[Address]:
    """Run the web service for the length of a `with` block."""
    address = ("127.0.0.1", free_port())
    with stand.service("web", PORT=str(address[1]), WEBHOOK_RATE_LIMIT=UNLIMITED, LOG_LEVEL="INFO"):
        wait_until(lambda: _answers(address, "/healthz"), "the web service's start")
        yield address


@contextmanager
def serving_bare(stand: Stand, view: str) -> Iterator[Address]:
    """Run a Flask app of one view, `nothing` or `inserting`, on the web service's WSGI server."""
    address = ("127.0.0.1", free_port())
    with stand.process(f"bare-{view}", "-P", "-m", "cli.bench.bare_web", view, PORT=str(address[1])):
        wait_until(lambda: _answers(address, "/healthz"), "the bare service's start")
        yield address


def log_in(address: Address, name: str) -> str:
    """Log in with the PASSWORD of the bench; returns the session's cookie."""
    connection = http.client.HTTPConnection(*address, timeout=10)
    form = urlencode({"name": name, "password": PASSWORD})
    connection.request("POST", "/login", body=form, headers={"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    connection.close()
    cookie = answer.headers["Set-Cookie"]
    if not cookie:
        raise BenchFailed(f"logging in as {name!r} was answered with {answer.status}")
    return str(cookie.partition(";")[0])


def _answers(address: Address, path: str) -> bool:
    connection = http.client.HTTPConnection(*address, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < http.client.INTERNAL_SERVER_ERROR
    except OSError:
        return False
    finally:
        connection.close()
