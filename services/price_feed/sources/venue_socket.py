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
PIECE = 65_536
WHOLE_TEXT = 0x81
LENGTH_FOLLOWS = 126
LONGEST_HEADER = 4


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
        self._buffer = _Buffered(self._socket.sock)
        self._socket.sock = cast("socket", self._buffer)
        self.heard_at = time.monotonic()

    def receive(self) -> list[str]:
        """Wait a moment for messages and take those that are here, in order; empty if none came. Raises SocketLost."""
        texts = self._buffer.take_texts()
        if texts:
            return [text.decode(errors="replace") for text in texts]
        try:
            opcode, data = self._socket.recv_data(control_frame=True)
        except WebSocketTimeoutException:
            return []
        except (OSError, WebSocketException) as error:
            raise SocketLost(f"the connection broke: {error}") from error
        self.heard_at = time.monotonic()
        if opcode == ABNF.OPCODE_CLOSE:
            raise SocketLost(_closing(data))
        if opcode in {ABNF.OPCODE_PING, ABNF.OPCODE_PONG}:
            return []
        return [bytes(data).decode(errors="replace")]

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
    """A socket that is read in large pieces: the library asks for the parts of a frame with three calls, 13 us in all.

    Whole short text frames are taken past the library, which is ten times faster; everything else is its business.
    What is left here always begins with a frame: the library stops within one only when nothing is left.
    """

    def __init__(self, direct: Any) -> None:
        self._socket = direct
        self._read = b""
        self._at = 0

    def recv(self, count: int) -> bytes:
        if self._at >= len(self._read):
            self._read, self._at = self._socket.recv(PIECE), 0
        piece = self._read[self._at : self._at + count]
        self._at += len(piece)
        return piece

    def take_texts(self) -> list[bytes]:
        """Take the whole frames that are here, up to the first one that is not an unfragmented text below 64 KiB."""
        texts = []
        while (text := self._take_text()) is not None:
            texts.append(text)
        return texts

    def _take_text(self) -> bytes | None:
        read, at = self._read, self._at
        if len(read) - at < LONGEST_HEADER or read[at] != WHOLE_TEXT:
            return None
        length, begin = read[at + 1], at + 2
        if length == LENGTH_FOLLOWS:
            length, begin = read[at + 2] << 8 | read[at + 3], at + LONGEST_HEADER
        elif length > LENGTH_FOLLOWS:
            return None
        end = begin + length
        if end > len(read):
            return None
        self._at = end
        return read[begin:end]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


def _closing(data: bytes) -> str:
    if len(data) < CLOSE_CODE_BYTES:
        return "the venue closed the connection"
    code = int.from_bytes(data[:CLOSE_CODE_BYTES], "big")
    reason = data[CLOSE_CODE_BYTES:].decode(errors="replace")
    return f"the venue closed the connection, code {code}{f': {reason}' if reason else ''}"
