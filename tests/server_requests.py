"""Requests as the web service's server hands them over, without a server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from werkzeug.datastructures import Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A request without its body."""

    path: str
    method: str = "GET"
    client: str = "127.0.0.1:1"
    headers: Headers = field(default_factory=Headers)
    query_string: str = ""
    http_version: str = "1"
    server: str = "127.0.0.1:80"
    scheme: str = "http"


class Proto:
    """A request's body, and what was answered: status, headers and body."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.answer: tuple[int, list[tuple[str, str]], bytes] | None = None

    async def __call__(self) -> bytes:
        """Return the whole body."""
        return self._body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        for start in range(0, len(self._body), 1000):
            yield self._body[start : start + 1000]
        yield b""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Note the answer."""
        self.answer = (status, headers, body)
