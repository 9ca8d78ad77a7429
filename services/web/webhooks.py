"""The URLs that alerts are posted to: store, wake, answer; nothing is applied here.

Postgres stores an alert, or while it is away Redis keeps it, to be moved into Postgres in its order.
"""

import logging
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_address
from uuid import uuid4

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge

from services.web.backend import Backend, backend
from shared.bus.intake import Standing
from shared.bus.waiting_bodies import AlertBody
from shared.domain.places import BEFORE_EVERYTHING
from shared.intake.acceptance import ACCEPTED, Acceptance
from shared.intake.addressees import find_addressee
from shared.logs import log_event
from shared.settings import Settings
from shared.store.database import DATABASE_LOST
from shared.store.signal_intake import StoredSignal
from shared.tokens import is_token, token_hash

LARGEST_BODY = 64 * 1024
# So much of a body that nobody wants is read and thrown away: who is cut off while sending never reads the answer.
READ_AWAY = 1024 * 1024

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


@webhooks.post("/webhook/<token>")
def receive_alert(token: str) -> Response:
    """Store an alert and answer; if nothing here can store it, 503, after which TradingView sends it again."""
    began_at = time.monotonic()
    request.max_content_length = LARGEST_BODY + READ_AWAY
    try:
        answer = _receive(backend(), token)
        _read(READ_AWAY)
    except RequestEntityTooLarge:
        answer = TOO_LARGE
    _log(answer, time.monotonic() - began_at)
    return _response(answer)


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


def _receive(backend: Backend, token: str) -> Answer:
    if not _may_post(backend.settings):
        return FORBIDDEN
    if not is_token(token):
        return UNKNOWN_URL
    received_at = datetime.now(UTC)
    body = _read_body()  # before a connection is taken: a slow sender must not hold one
    alert = AlertBody(
        intake_id=uuid4(), token_hash=token_hash(token), body=body, received_at=received_at, place=BEFORE_EVERYTHING
    )
    with backend.alert_turns:
        return _take(backend, alert)


def _take(backend: Backend, alert: AlertBody) -> Answer:
    """Store the alert in Postgres; in Redis if that fails, or if others wait there already, whom it must not pass."""
    bus = backend.intake_bus
    standing = None
    try:
        acceptance = backend.alerts.recall(alert)
        standing = bus.read_standing(acceptance.row.ticker if acceptance else None)
        if standing is None or not standing.others_wait:
            return _store(backend, alert, acceptance, standing)
    except DATABASE_LOST as error:
        log_event(logger, "database_away", level=logging.ERROR, reason=str(error).partition("\n")[0])
    except Exception:
        logger.exception("webhook_failed")
    standing = standing or bus.read_standing()
    if standing is None:
        return UNAVAILABLE
    return _keep(backend, replace(alert, place=standing.place))


def _store(backend: Backend, alert: AlertBody, acceptance: Acceptance | None, standing: Standing | None) -> Answer:
    if acceptance is None:
        acceptance = backend.alerts.look_up(alert)
        if acceptance is None:
            return UNKNOWN_URL
        standing = standing and backend.intake_bus.read_standing(acceptance.row.ticker)  # its price was not asked for
    recorder_id = acceptance.row.recorder_id
    if not backend.webhook_limit.allows((acceptance.row.user_id, recorder_id)):
        return _over_the_limit(backend)
    stored = backend.alerts.store(alert, acceptance, standing)
    if stored is None:
        return UNKNOWN_URL
    if stored.status == ACCEPTED and standing is not None:
        backend.intake_bus.wake()
    return _stored(stored, recorder_id)


def _keep(backend: Backend, alert: AlertBody) -> Answer:
    """Let the alert wait in Redis. Whose it is, and whether it is a signal, is found out when it is moved."""
    if not backend.webhook_limit.allows(alert.token_hash):
        return _over_the_limit(backend)
    return KEPT if backend.intake_bus.keep(alert) else UNAVAILABLE


def _read_body() -> bytes:
    """Read the body as it was sent, whatever its type; raises RequestEntityTooLarge, for chunked ones too."""
    body = _read(LARGEST_BODY + 1)
    if len(body) > LARGEST_BODY:
        _read(READ_AWAY)
        raise RequestEntityTooLarge
    return body


def _read(most: int) -> bytes:
    read = b""
    while len(read) < most and (part := request.stream.read(most - len(read))):
        read += part
    return read


def _may_post(settings: Settings) -> bool:
    if not settings.webhook_ip_allowlist:
        return True
    sender = ip_address(request.remote_addr or "0.0.0.0")  # noqa: S104 - an address that no list has
    return any(sender in network for network in settings.webhook_ip_allowlist)


def _over_the_limit(backend: Backend) -> Answer:
    error = f"more than {backend.settings.webhook_rate_limit} alerts a minute"
    wait = backend.webhook_limit.retry_after_seconds()
    return Answer(code=429, body={"success": False, "error": error}, retry_after_seconds=wait)


def _stored(stored: StoredSignal, recorder_id: int | None) -> Answer:
    told = {"signal_id": stored.id, "status": stored.status}
    if stored.status == ACCEPTED:
        return Answer(code=200, body={"success": True, **told}, recorder_id=recorder_id)
    return Answer(code=422, body={"success": False, **told, "reason": stored.reason}, recorder_id=recorder_id)


def _response(answer: Answer) -> Response:
    response = jsonify(answer.body)
    response.status_code = answer.code
    if answer.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(answer.retry_after_seconds)
    return response


def _log(answer: Answer, seconds: float) -> None:
    log_event(
        logger,
        "webhook",
        code=answer.code,
        recorder_id=answer.recorder_id,
        signal_id=answer.body.get("signal_id"),
        milliseconds=round(seconds * 1000, 1),
    )
