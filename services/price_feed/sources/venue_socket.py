"""One websocket to a venue: texts out, texts in, never longer than a moment without an answer; no meaning."""

import time
from collections.abc import Iterable
from contextlib import suppress
from socket import socket
from typing import Any, cast

from websocket import (
    ABNF,
    WebSocketBadStatusException,
    WebSocketException,
    WebSocketTimeoutException,
    create_connection,
)

from services.price_feed.sources.venue import Connection

OPEN_WITHIN_SECONDS = 10
TURN_SECONDS = 0.1  # the longest wait for a message: timers and new wishes are looked at in between
CLOSE_CODE_BYTES = 2
PIECE = 16_384


class SocketLost(Exception):
    """There is no connection (any more); the message says what happened to it."""


class HandshakeRefused(Exception):
    """The venue answered the handshake with an HTTP status instead of a socket."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"HTTP {status}")


class VenueSocket:
    """An open socket, for one thread."""

    def __init__(self, connection: Connection) -> None:
        """Connect; raises HandshakeRefused and SocketLost."""
        try:
            self._socket = create_connection(
                connection.url,
                timeout=OPEN_WITHIN_SECONDS,
                origin=connection.origin,
                suppress_origin=connection.origin is None,
                header=dict(connection.headers),
                enable_multithread=False,
                skip_utf8_validation=True,  # decoding validates, and much faster
            )
        except WebSocketBadStatusException as error:
            raise HandshakeRefused(error.status_code) from error
        except (OSError, WebSocketException) as error:
            raise SocketLost(f"no connection: {error}") from error
        self._socket.settimeout(TURN_SECONDS)
        self._socket.sock = cast("socket", _Buffered(self._socket.sock))
        self.heard_at = time.monotonic()

    def receive(self) -> str | None:
        """Wait a moment for a message; None if none came. Raises SocketLost."""
        try:
            opcode, data = self._socket.recv_data(control_frame=True)
        except WebSocketTimeoutException:
            return None
        except (OSError, WebSocketException) as error:
            raise SocketLost(f"the connection broke: {error}") from error
        self.heard_at = time.monotonic()
        if opcode == ABNF.OPCODE_CLOSE:
            raise SocketLost(_closing(data))
        if opcode in {ABNF.OPCODE_PING, ABNF.OPCODE_PONG}:
            return None
        return bytes(data).decode(errors="replace")

    def send(self, texts: Iterable[str]) -> None:
        """Send messages, in order; raises SocketLost."""
        try:
            for text in texts:
                self._socket.send(text)
        except (OSError, WebSocketException) as error:
            raise SocketLost(f"the connection broke: {error}") from error

    def close(self) -> None:
        """Hang up without waiting for the other side."""
        with suppress(OSError, WebSocketException):
            self._socket.send_close()
        self._socket.shutdown()  # type: ignore[no-untyped-call]


class _Buffered:
    """A socket that is read in large pieces: the library asks for a frame's few bytes with a call for each part."""

    def __init__(self, direct: Any) -> None:
        self._socket = direct
        self._read = b""

    def recv(self, count: int) -> bytes:
        if not self._read:
            self._read = self._socket.recv(PIECE)
        piece, self._read = self._read[:count], self._read[count:]
        return piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


def _closing(data: bytes) -> str:
    if len(data) < CLOSE_CODE_BYTES:
        return "the venue closed the connection"
    code = int.from_bytes(data[:CLOSE_CODE_BYTES], "big")
    reason = data[CLOSE_CODE_BYTES:].decode(errors="replace")
    return f"the venue closed the connection, code {code}{f': {reason}' if reason else ''}"
