"""A cheap HTTP/1.1 client that posts many requests from one thread, each at its moment; it parses only what it must."""

import selectors
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

NOT_ANSWERED = 0
HEAD_ENDS = b"\r\n\r\n"
PATIENCE_SECONDS = 120.0

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The bytes to send, and when, in seconds from the start; 0 for as soon as a connection is free."""

    sent: bytes
    due: float = 0.0


@dataclass(slots=True, kw_only=True)
class Answer:
    """When a request was due or begun, whichever came later, when its answer was there, and the answer's status."""

    began: float
    ended: float = 0.0
    status: int = NOT_ANSWERED

    @property
    def milliseconds(self) -> float:
        """How long it took."""
        return (self.ended - self.began) * 1000


@dataclass(slots=True)
class _Line:
    """One connection and what it is about."""

    connection: socket.socket
    answer: Answer
    to_send: bytes
    received: bytearray = field(default_factory=bytearray)


def post(address: Address, path: str, body: bytes, *, keep_alive: bool) -> bytes:
    """Write a POST."""
    head = f"POST {path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\nConnection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n"
    return head.encode() + body


def get(address: Address, path: str, cookie: str) -> bytes:
    """Write a GET of somebody who is logged in."""
    head = f"GET {path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
    return head.encode()


class HttpLoad:
    """Sends requests over at most `connections` at a time, kept open between them or each its own."""

    def __init__(self, address: Address, *, connections: int, keep_alive: bool) -> None:
        self._address = address
        self._most = connections
        self._keep_alive = keep_alive
        self._selector = selectors.DefaultSelector()
        self._idle: list[socket.socket] = []
        self._busy = 0
        self._answers: list[Answer] = []

    def send(self, requests: Sequence[Request]) -> tuple[float, list[Answer]]:
        """Send them in their order and wait for all answers; returns the start, by time.perf_counter, and the answers.

        What got no answer has the status NOT_ANSWERED.
        """
        waiting, self._answers = deque(requests), []
        start = last_news = time.perf_counter()
        while (waiting or self._busy) and time.perf_counter() - last_news < PATIENCE_SECONDS:
            now = time.perf_counter()
            while waiting and self._busy < self._most and start + waiting[0].due <= now:
                self._begin(waiting.popleft(), start)
            rest = max(0.0, start + waiting[0].due - now) if waiting and self._busy < self._most else 1.0
            for key, events in self._selector.select(rest):
                (self._write if events & selectors.EVENT_WRITE else self._read)(key.data)
                last_news = time.perf_counter()
            if waiting and waiting[0].due:
                last_news = max(last_news, now)
        return start, self._answers

    def close(self) -> None:
        """Close what is still open."""
        for connection in [*self._idle, *(key.data.connection for key in self._selector.get_map().values())]:
            connection.close()
        self._selector.close()

    def _begin(self, request: Request, start: float) -> None:
        answer = Answer(began=start + request.due if request.due else time.perf_counter())
        self._answers.append(answer)
        connection = self._idle.pop() if self._idle else self._connect()
        line = _Line(connection, answer, request.sent)
        self._selector.register(connection, selectors.EVENT_WRITE, line)
        self._busy += 1

    def _connect(self) -> socket.socket:
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect_ex(self._address)  # goes on in the background: a server whose backlog is full delays one
        return connection

    def _write(self, line: _Line) -> None:
        line.connection.send(line.to_send)
        self._selector.modify(line.connection, selectors.EVENT_READ, line)

    def _read(self, line: _Line) -> None:
        try:
            received = line.connection.recv(262_144)
        except ConnectionError:
            received = b""
        line.received += received
        if received and not _is_whole(line.received):
            return
        if _is_whole(line.received):
            line.answer.ended = time.perf_counter()
            line.answer.status = int(line.received[9:12])
        self._selector.unregister(line.connection)
        self._busy -= 1
        if self._keep_alive and received and b"\r\nconnection: close" not in line.received[:400].lower():
            self._idle.append(line.connection)
        else:
            line.connection.close()


def _is_whole(received: bytearray) -> bool:
    """Tell whether an answer with a Content-Length is there."""
    end = received.find(HEAD_ENDS)
    if end < 0:
        return False
    head = bytes(received[:end]).lower()
    length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
    return len(received) >= end + len(HEAD_ENDS) + int(length or 0)
