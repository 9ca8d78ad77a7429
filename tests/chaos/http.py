"""As much of an HTTP client as a sender of alerts is: one request a connection, and every way in which it can fail."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REFUSED, RESET, SILENT = "refused", "reset", "silent"
OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: a status with its JSON, or the way in which nothing did."""

    status: int | None = None
    failure: str | None = None
    content: Any = None

    @property
    def outcome(self) -> str:
        """In a word."""
        return self.failure or str(self.status)


async def request(
    port: int, method: str, path: str, body: bytes, *, headers: Mapping[str, str], within_seconds: float
) -> Answer:
    """Send a request to this machine and wait for the answer, or for what becomes of it."""
    try:
        async with asyncio.timeout(within_seconds):
            return await _exchange(port, method, path, body, headers)
    except TimeoutError:
        return Answer(failure=SILENT)


async def _exchange(port: int, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return Answer(failure=REFUSED)
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head, _, content = (await reader.read()).partition(b"\r\n\r\n")
    except OSError:
        return Answer(failure=RESET)
    finally:
        writer.close()
    return _read(head, content)


def _read(head: bytes, content: bytes) -> Answer:
    words = head.split(b" ", 2)
    if len(words) < 3 or not words[1].isdigit():
        return Answer(failure=RESET)  # closed before it was answered
    try:
        return Answer(status=int(words[1]), content=json.loads(content or b"null"))
    except ValueError:
        return Answer(failure=RESET) if int(words[1]) == OK else Answer(status=int(words[1]))
