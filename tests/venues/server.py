"""What the servers that stand in for venues share: a real socket on a free port, a thread for each client.

A venue's rules are its subclass's: `admit` decides about the handshake, `talk` holds one client's conversation.
"""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Self

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

LONG_FRAME = 64_000


class Misconduct(Exception):
    """A client broke a rule of the venue: it is cut off with this code and reason, and the test sees it."""

    def __init__(self, reason: str, code: int = 1008) -> None:
        self.code = code
        super().__init__(reason)


class Client:
    """One client, as its venue sees it."""

    def __init__(self, connection: ServerConnection, record: Callable[[str], None]) -> None:
        self._connection = connection
        self._record = record
        self.headers = connection.request.headers if connection.request else {}
        self.path = connection.request.path if connection.request else ""

    def say(self, message: str) -> None:
        self._connection.send(message)

    def hear(self, timeout: float | None = None) -> str | None:
        """The client's next text message, or None if none came in time; raises ConnectionClosed when it left."""
        try:
            message = self._connection.recv(timeout)
        except TimeoutError:
            return None
        if not isinstance(message, str):
            raise Misconduct("binary message", 1003)
        self._record(message)
        return message

    def close(self, code: int = 1000, reason: str = "") -> None:
        self._connection.close(code, reason)

    def cut(self) -> None:
        """End the connection as a failing network does: no closing handshake, nothing more is read."""
        with suppress(OSError):
            self._connection.socket.shutdown(socket.SHUT_RDWR)

    def cut_in_mid_frame(self, beginning: str = "") -> None:
        """Announce a long text frame, send only its beginning, and cut."""
        with suppress(OSError):
            self._connection.socket.sendall(struct.pack("!BBH", 0x81, 126, LONG_FRAME) + beginning.encode())
        self.cut()


class VenueServer:
    """A WebSocket server of the test's own venue; `misconduct` says what clients did wrong, `heard` what they said."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.heard: list[str] = []
        self.misconduct: list[str] = []
        self.failures: list[Exception] = []
        self.clients: list[Client] = []
        self.connected = 0
        self.refuse_with: tuple[int, str] | None = None  # every handshake, from now on
        self._changed = threading.Condition()
        self._server = serve(
            self._serve,
            "127.0.0.1",
            port,
            ssl=tls,
            process_request=self._handshake,
            compression=None,
            ping_interval=None,
            close_timeout=1,
        )
        self.port = self._server.socket.getsockname()[1]
        self.url = f"{'wss' if tls else 'ws'}://localhost:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def admit(self, request: Request) -> tuple[int, str] | None:
        """Refuse a handshake with a status and a body, or let it pass."""

    def talk(self, client: Client) -> None:
        """Hold one client's conversation; raises Misconduct."""
        raise NotImplementedError

    def say(self, message: str) -> None:
        """Tell all clients."""
        for client in list(self.clients):
            with suppress(ConnectionClosed):
                client.say(message)

    def cut(self) -> None:
        for client in list(self.clients):
            client.cut()

    def cut_in_mid_frame(self, beginning: str = "") -> None:
        for client in list(self.clients):
            client.cut_in_mid_frame(beginning)

    def wait_for(self, holds: Callable[[], bool], seconds: float = 10) -> None:
        """Wait until something about the clients holds; raises AssertionError if it never does."""
        with self._changed:
            held = self._changed.wait_for(holds, seconds)
        assert held, f"waited {seconds} s; heard {self.heard[-20:]}, misconduct {self.misconduct}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        if self.failures and kind is None:
            raise self.failures[0]

    def _handshake(self, connection: ServerConnection, request: Request) -> Response | None:
        refusal = self.refuse_with or self.admit(request)
        return connection.respond(HTTPStatus(refusal[0]), refusal[1]) if refusal else None

    def _serve(self, connection: ServerConnection) -> None:
        client = Client(connection, lambda message: self.note(lambda: self.heard.append(message)))
        self.note(lambda: self._joined(client))
        try:
            self.talk(client)
        except Misconduct as fault:
            reason = str(fault)
            self.note(lambda: self.misconduct.append(reason))
            client.close(fault.code, reason)
        except (ConnectionClosed, OSError):
            pass
        except Exception as failure:  # noqa: BLE001 - a mistake of the venue itself fails the test at its end
            self.failures.append(failure)
        finally:
            self.note(lambda: self.clients.remove(client))

    def _joined(self, client: Client) -> None:
        self.connected += 1
        self.clients.append(client)

    def note(self, change: Callable[[], object]) -> None:
        """Change what tests wait for."""
        with self._changed:
            change()
            self._changed.notify_all()


class Deadline:
    """A moment by which a client must have done something."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return max(0.0, self._at - time.monotonic())

    @property
    def passed(self) -> bool:
        return self.left == 0
