"""Asks Tradovate over HTTP, JSON both ways; what an answer means is not its business."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

SERVER_ERROR = 500
LARGEST_ANSWER = 1_000_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP request came to."""

    status: int
    body: Mapping[str, Any]

    @property
    def error_text(self) -> str:
        """What is said to be wrong; business errors come with status 200."""
        return str(self.body.get("errorText") or "").strip().rstrip(".")


Ask = Callable[[str, str | None, Mapping[str, Any] | None, float], Answer]


def ask_http(url: str, token: str | None, body: Mapping[str, Any] | None, timeout: float) -> Answer:
    """GET, or POST a body as JSON; raises OSError if no answer of Tradovate's own comes."""
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    request = urllib.request.Request(  # noqa: S310 - settings allow http and https alone
        url, None if body is None else json.dumps(body).encode(), headers
    )
    if token is not None:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 - same
            return Answer(answer.status, _object(answer.read(LARGEST_ANSWER)))
    except urllib.error.HTTPError as error:
        with error:
            if error.code >= SERVER_ERROR:
                raise ConnectionError(f"Tradovate is away (HTTP status {error.code})") from None
            return Answer(error.code, _object(error.read(LARGEST_ANSWER)))
    except http.client.HTTPException as error:
        raise ConnectionError(f"Tradovate broke off: {type(error).__name__}") from error


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
