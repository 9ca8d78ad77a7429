"""The URLs that alerts are posted to: store, wake, answer; nothing is applied here."""

import json
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from uuid import uuid4

from flask import Blueprint, jsonify
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from services.web.backend import Backend, backend
from shared.bus.waiting_bodies import AlertBody
from shared.domain.places import BEFORE_EVERYTHING
from shared.intake.acceptance import ACCEPTED
from shared.intake.addressees import find_addressee
from shared.intake.alert_intake import NotStored, Stored
from shared.logs import log_event
from shared.settings import Settings
from shared.store.database import DATABASE_LOST
from shared.tokens import is_token, token_hash

ALERTS = "/webhook/"
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
LARGEST_BODY = 64 * 1024
MOST_READ_AWAY = 1024 * 1024

webhooks = Blueprint("webhooks", __name__)
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the sender is told, and the ids for the log."""

    code: int
    body: dict[str, object]
    recorder_id: int | None = None
    retry_after_seconds: int | None = None


UNKNOWN_URL = Answer(code=404, body={"success": False, "error": "no recorder has this URL"})
FORBIDDEN = Answer(code=403, body={"success": False, "error": "this address may not post alerts here"})
TOO_LARGE = Answer(code=413, body={"success": False, "error": f"the body is larger than {LARGEST_BODY // 1024} KiB"})
UNAVAILABLE = Answer(code=503, body={"success": False, "error": "not stored, send it again"}, retry_after_seconds=5)
KEPT = Answer(code=200, body={"success": True, "signal_id": None, "status": ACCEPTED})
NOT_STORED = {NotStored.KEPT: KEPT, NotStored.LOST: UNAVAILABLE, NotStored.FOR_NOBODY: UNKNOWN_URL}


class AlertDoor:
    """Answers alerts, and passes everything else on to Flask, whose part in an alert's work would be the larger one."""

    def __init__(self, app: WsgiApp, backend: Backend) -> None:
        self._app = app
        self._backend = backend

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        path = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] != "POST" or not path.startswith(ALERTS):
            return self._app(environ, start_response)
        try:
            answer = receive_alert(self._backend, Request(environ), path.removeprefix(ALERTS))
        except HTTPException as error:  # who sent it hung up, or does not speak HTTP
            return error(environ, start_response)
        return _response(answer)(environ, start_response)


def receive_alert(backend: Backend, request: Request, token: str) -> Answer:
    """Store an alert and answer; if nothing here can store it, 503, after which TradingView sends it again."""
    began_at = time.monotonic()
    request.max_content_length = LARGEST_BODY + MOST_READ_AWAY
    answer = _receive(backend, request, token)
    _read_away(request)
    _log(answer, time.monotonic() - began_at)
    return answer


@webhooks.get("/webhook/<token>")
def describe_url(token: str) -> Response:
    """Tell somebody who opens the URL whether it works, without changing anything."""
    try:
        with backend().intake_engine.connect() as connection:
            addressee = find_addressee(connection, token_hash(token))
    except DATABASE_LOST:
        return _response(UNAVAILABLE)
    if addressee is None:
        return _response(UNKNOWN_URL)
    return jsonify(success=True, message="This URL works. Post TradingView alerts to it.")


def _receive(backend: Backend, request: Request, token: str) -> Answer:
    if not _may_post(backend.settings, request):
        return FORBIDDEN
    if not is_token(token):
        return UNKNOWN_URL
    received_at = datetime.now(UTC)
    try:
        body = _read_body(request)
    except RequestEntityTooLarge:
        return TOO_LARGE
    alert = AlertBody(
        intake_id=uuid4(), token_hash=token_hash(token), body=body, received_at=received_at, place=BEFORE_EVERYTHING
    )
    taken = backend.alerts.take(alert)
    return _not_stored(taken, backend) if isinstance(taken, NotStored) else _stored(taken)


def _read_body(request: Request) -> bytes:
    """Read the body as it was sent, whatever its type; raises RequestEntityTooLarge, for chunked ones too."""
    body = _read(request, LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        raise RequestEntityTooLarge
    return body


def _read_away(request: Request) -> None:
    """Read what is left of a body that nobody wants: who is cut off while sending never reads the answer."""
    with suppress(RequestEntityTooLarge):
        _read(request, MOST_READ_AWAY)


def _read(request: Request, most: int) -> bytes:
    read = b""
    while len(read) < most and (part := request.stream.read(most - len(read))):
        read += part
    return read


def _may_post(settings: Settings, request: Request) -> bool:
    if not settings.webhook_ip_allowlist:
        return True
    sender = ip_address(request.remote_addr or "0.0.0.0")  # noqa: S104 - an address that no list has
    return any(sender in network for network in settings.webhook_ip_allowlist)


def _not_stored(taken: NotStored, backend: Backend) -> Answer:
    if taken is not NotStored.OVER_THE_LIMIT:
        return NOT_STORED[taken]
    error = f"more than {backend.settings.webhook_rate_limit} alerts a minute"
    wait = backend.webhook_limit.retry_after_seconds()
    return Answer(code=429, body={"success": False, "error": error}, retry_after_seconds=wait)


def _stored(taken: Stored) -> Answer:
    signal = taken.signal
    told = {"signal_id": signal.id, "status": signal.status}
    if signal.status == ACCEPTED:
        return Answer(code=200, body={"success": True, **told}, recorder_id=taken.recorder_id)
    return Answer(code=422, body={"success": False, **told, "reason": signal.reason}, recorder_id=taken.recorder_id)


def _response(answer: Answer) -> Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if answer.retry_after_seconds is not None:
        headers["Retry-After"] = str(answer.retry_after_seconds)
    return Response(json.dumps(answer.body), answer.code, headers, content_type="application/json")


def _log(answer: Answer, seconds: float) -> None:
    log_event(
        logger,
        "webhook",
        code=answer.code,
        recorder_id=answer.recorder_id,
        signal_id=answer.body.get("signal_id"),
        milliseconds=round(seconds * 1000, 1),
    )
