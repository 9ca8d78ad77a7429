"""Frames as a network delivers them: in pieces of any size, split, mixed with control frames."""

import base64
import hashlib
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from services.price_feed.sources.venue import Connection
from services.price_feed.sources.venue_socket import SocketLost, VenueSocket
from tests.venues.plain_venue import PlainTalk

ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, MORE, PING = 0x1, 0x0, 0x9


def frame(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    first, length = opcode | (0x80 if final else 0), len(payload)
    if length < 126:
        return bytes([first, length]) + payload
    if length < 1 << 16:
        return bytes([first, 126]) + struct.pack("!H", length) + payload
    return bytes([first, 127]) + struct.pack("!Q", length) + payload


@contextmanager
def connected(pieces: list[bytes], pause: float = 0) -> Iterator[VenueSocket]:
    """A socket to a server that sends these bytes, piece by piece, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, pieces, pause))
        thread.start()
        url = f"ws://127.0.0.1:{server.getsockname()[1]}"
        venue = VenueSocket(Connection(url=url, conversation=PlainTalk()))
        try:
            yield venue
        finally:
            venue.close()
            thread.join()


def _serve(server: socket.socket, pieces: list[bytes], pause: float) -> None:
    client, _ = server.accept()
    with client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asked = b""
        while b"\r\n\r\n" not in asked:
            asked += client.recv(4096)
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", asked)
        assert key is not None
        accept = base64.b64encode(hashlib.sha1(key[1] + ACCEPT).digest())  # noqa: S324 - RFC 6455 says so
        client.sendall(b"HTTP/1.1 101 Hi\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        client.sendall(b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        for piece in pieces:
            client.sendall(piece)
            time.sleep(pause)
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):  # unread answers to pings would make the end a reset, which loses what is under way
            pass


def all_of(venue: VenueSocket) -> list[str]:
    messages = []
    with suppress(SocketLost):
        while True:
            messages += venue.receive()
    return messages


@pytest.mark.parametrize("seed", range(6))
def test_messages_arrive_whole_and_in_order_however_the_bytes_are_cut(seed: int) -> None:
    chance = random.Random(seed)
    expected, stream = [], b""
    for number in range(300):
        text = f"{number} " + "ä" * chance.choice((0, 1, 20, 61, 62, 63, 100, 1000, 40_000))
        expected.append(text)
        payload = text.encode()
        if chance.random() < 0.3:
            half = len(payload) // 2
            between = frame(PING, b"?") if chance.random() < 0.5 else b""
            stream += frame(TEXT, payload[:half], final=False) + between + frame(MORE, payload[half:])
        else:
            stream += frame(TEXT, payload) + (frame(PING, b"") if chance.random() < 0.2 else b"")
    longest = chance.choice((3, 50, 5_000, 100_000))
    pieces = []
    while stream:
        size = chance.randint(1, longest) if len(pieces) < 3_000 else len(stream)
        pieces.append(stream[:size])
        stream = stream[size:]
    with connected(pieces) as venue:
        assert all_of(venue) == expected


def test_a_frame_that_takes_longer_than_a_turn_is_not_lost() -> None:
    whole = frame(TEXT, b"a" * 200) + frame(TEXT, b"b")
    with connected([whole[:1], whole[1:3], whole[3:100], whole[100:]], pause=0.15) as venue:
        assert all_of(venue) == ["a" * 200, "b"]


def test_a_text_that_looks_like_a_frame_where_it_was_cut_is_none() -> None:
    text = "\N{LATIN CAPITAL LETTER L WITH STROKE}\x02xy and so on"  # its second byte is how a text frame begins
    whole = frame(TEXT, text.encode())
    with connected([whole[:3], whole[3:]], pause=0.25) as venue:
        assert all_of(venue) == [text]
