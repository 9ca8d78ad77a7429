"""The URLs that alerts are posted to: store, wake, answer; nothing is applied here."""

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from uuid import uuid4

import msgspec
from granian.rsgi import HTTPProtocol, Scope

from services.web.backend import Backend
from services.web.request_body import read_body
from services.web.wsgi_environ import sender_address
from shared.bus.waiting_bodies import AlertBody
from shared.domain.places import BEFORE_EVERYTHING
from shared.intake.acceptance import ACCEPTED
from shared.intake.alert_intake import NotStored, Stored
from shared.logs import log_event
from shared.tokens import is_token, token_hash

ALERTS = "/webhook/"
LARGEST_BODY = 64 * 1024
HEADERS = [("content-type", "application/json"), ("cache-control", "no-store"), ("x-content-type-options", "nosniff")]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the sender is told, and the ids for the log."""

    code: int
    body: dict[str, object]
    recorder_id: int | None = None
    retry_after_seconds: int | None = None

    def headers(self) -> list[tuple[str, str]]:
        """Return the headers of this answer."""
        if self.retry_after_seconds is None:
            return HEADERS
        return [*HEADERS, ("retry-after", str(self.retry_after_seconds))]


UNKNOWN_URL = Answer(code=404, body={"success": False, "error": "no recorder has this URL"})
FORBIDDEN = Answer(code=403, body={"success": False, "error": "this address may not post alerts here"})
TOO_LARGE = Answer(code=413, body={"success": False, "error": f"the body is larger than {LARGEST_BODY // 1024} KiB"})
UNAVAILABLE = Answer(code=503, body={"success": False, "error": "not stored, send it again"}, retry_after_seconds=5)
KEPT = Answer(code=200, body={"success": True, "signal_id": None, "status": ACCEPTED})
NOT_STORED = {NotStored.KEPT: KEPT, NotStored.LOST: UNAVAILABLE, NotStored.FOR_NOBODY: UNKNOWN_URL}


class AlertDoor:
    """Answers alerts on the server's event loop: one that waits for its commit costs no thread."""

    def __init__(self, backend: Backend) -> None:
        self._settings = backend.settings
        self._alerts = backend.alerts
        self._limit = backend.webhook_limit

    async def answer(self, scope: Scope, proto: HTTPProtocol) -> None:
        """Store an alert and answer; if nothing here can store it, 503, after which TradingView sends it again."""
        began_at = time.monotonic()
        body = await read_body(scope, proto, LARGEST_BODY)
        answer = await self._answer_to(scope, body)
        proto.response_bytes(answer.code, answer.headers(), msgspec.json.encode(answer.body))
        _log(answer, time.monotonic() - began_at)

    async def _answer_to(self, scope: Scope, body: bytes | None) -> Answer:
        if not self._may_post(scope):
            return FORBIDDEN
        token = scope.path.removeprefix(ALERTS)
        if not is_token(token):
            return UNKNOWN_URL
        if body is None:
            return TOO_LARGE
        alert = AlertBody(
            intake_id=uuid4(),
            token_hash=token_hash(token),
            body=body,
            received_at=datetime.now(UTC),
            place=BEFORE_EVERYTHING,
        )
        taken = await self._alerts.take(alert)
        return self._not_stored(taken) if isinstance(taken, NotStored) else _stored(taken)

    def _may_post(self, scope: Scope) -> bool:
        allowed = self._settings.webhook_ip_allowlist
        if not allowed:
            return True
        try:
            sender = ip_address(sender_address(scope, self._settings.trust_proxy))
        except ValueError:  # whatever wrote X-Forwarded-For wrote no address
            return False
        return any(sender in network for network in allowed)

    def _not_stored(self, taken: NotStored) -> Answer:
        if taken is not NotStored.OVER_THE_LIMIT:
            return NOT_STORED[taken]
        error = f"more than {self._settings.webhook_rate_limit} alerts a minute"
        wait = self._limit.retry_after_seconds()
        return Answer(code=429, body={"success": False, "error": error}, retry_after_seconds=wait)


def _stored(taken: Stored) -> Answer:
    signal = taken.signal
    told = {"signal_id": signal.id, "status": signal.status}
    if signal.status == ACCEPTED:
        return Answer(code=200, body={"success": True, **told}, recorder_id=taken.recorder_id)
    return Answer(code=422, body={"success": False, **told, "reason": signal.reason}, recorder_id=taken.recorder_id)


def _log(answer: Answer, seconds: float) -> None:
    log_event(
        logger,
        "webhook",
        code=answer.code,
        recorder_id=answer.recorder_id,
        signal_id=answer.body.get("signal_id"),
        milliseconds=round(seconds * 1000, 1),
    )
