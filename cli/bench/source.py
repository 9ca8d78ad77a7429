"""A source of prices that speaks TradingView's protocol to one client at a time, as far as a bench needs it."""

import base64
import hashlib
import json
import re
import socket
import struct
from collections.abc import Sequence
from itertools import count, cycle, islice
from typing import Self

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = re.compile(rb"Sec-WebSocket-Key: (\S+)", re.IGNORECASE)
SESSION = re.compile(r'"quote_create_session","p":\["(\w+)"')
WITHIN_SECONDS = 30.0
TEXT = 0x81
SHORT, TWO_BYTES = 126, 126
STEPS = 97  # prices go round in so many steps, so that each differs from the one before


class TickSource:
    """Listens on a port of its own."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(WITHIN_SECONDS)
        self.url = f"ws://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        """Close it at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._listening.close()

    def accept(self) -> "SourceClient":
        """Wait for a client, and shake hands with it."""
        return SourceClient(self._listening.accept()[0])


class SourceClient:
    """A client, to which prices are sent as TradingView does: one in a message, each symbol in its turn."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.settimeout(WITHIN_SECONDS)
        self._read = connection.makefile("rb")
        request = b"".join(iter(self._read.readline, b"\r\n"))
        found = KEY.search(request)
        key = found[1] if found else b""
        accepted = base64.b64encode(hashlib.sha1(key + MAGIC).digest())  # noqa: S324 - the protocol wants it
        upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self._socket.sendall(upgrade + b"Sec-WebSocket-Accept: " + accepted + b"\r\n\r\n")
        self._numbers = count(1)
        self.session = "qs_none"

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def begin(self, names: Sequence[str]) -> None:
        """Wait until the client asks for these symbols, and tell it their first prices."""
        heard = ""
        while not all(f'"{name}"' in heard for name in names):
            heard += self._hear()
        found = SESSION.search(heard)
        self.session = found[1] if found else self.session
        self.send([self._message("quote_completed", name) for name in names])

    def prices(self, names: Sequence[str], how_many: int) -> list[bytes]:
        """Make so many messages with a new price each."""
        return [self._price(name, next(self._numbers) // len(names)) for name in islice(cycle(names), how_many)]

    def send(self, messages: Sequence[bytes]) -> None:
        """Send messages; waits where the client does not take them."""
        self._socket.sendall(b"".join(messages))

    def _price(self, name: str, turn: int) -> bytes:
        return self._message("qsd", {"n": name, "s": "ok", "v": {"lp": 20000 + turn % STEPS, "volume": turn}})

    def _message(self, method: str, said: object) -> bytes:
        payload = json.dumps({"m": method, "p": [self.session, said]}, separators=(",", ":"))
        return _text_frame(f"~m~{len(payload)}~m~{payload}".encode())

    def _hear(self) -> str:
        """Read one frame of the client; what clients send is short and masked."""
        _, length = self._read.read(2)
        length &= 0x7F
        if length == TWO_BYTES:
            (length,) = struct.unpack("!H", self._read.read(2))
        mask = self._read.read(4)
        masked = self._read.read(length)
        return bytes(byte ^ key for byte, key in zip(masked, cycle(mask), strict=False)).decode()


def _text_frame(text: bytes) -> bytes:
    header = (
        struct.pack("!BB", TEXT, len(text)) if len(text) < SHORT else struct.pack("!BBH", TEXT, TWO_BYTES, len(text))
    )
    return header + text
