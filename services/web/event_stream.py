"""Server-sent events about one user's open positions: when to look and when to send; what is sent, a view decides."""

import json
import time
from collections.abc import Iterator
from typing import Protocol

from flask import Response, stream_with_context

from services.web.backend import backend
from services.web.open_positions import OpenPositions
from shared.bus.announcements import PositionAnnouncements
from shared.bus.tick_subscription import TickSubscription

UPDATE_EVERY_SECONDS = 0.25
LOOK_EVERY_SECONDS = 1.0
HEARTBEAT_SECONDS = 15
RETRY_MS = 2000


class StreamView(Protocol):
    """What a stream shows of the positions it follows; each method returns events, none if nothing is new."""

    positions: OpenPositions
    heartbeat: str

    def look(self) -> None:
        """Read the database again."""

    def snapshot(self) -> str:
        """Everything, for a client that has just connected."""

    def changes(self) -> str:
        """What is different from what was sent before."""


def stream(view: StreamView) -> Response:
    """Stream a snapshot and changes until the client goes away."""
    response = Response(stream_with_context(_events(view)), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def event(data: object, name: str = "") -> str:
    """Write one event; without a name it is a message."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return f"event: {name}\ndata: {text}\n\n" if name else f"data: {text}\n\n"


def _events(view: StreamView) -> Iterator[str]:
    url = backend().settings.redis_url
    announcements = PositionAnnouncements(url)
    try:
        with TickSubscription(url, {}) as ticks:
            yield f"retry: {RETRY_MS}\n\n"
            _look(view, ticks)
            view.positions.take(ticks.next_batch(0))  # what the rows lack
            yield view.snapshot()
            yield from _changes(view, ticks, announcements)
    finally:
        announcements.close()


def _changes(view: StreamView, ticks: TickSubscription, announcements: PositionAnnouncements) -> Iterator[str]:
    looked = sent = time.monotonic()
    while True:
        updated = time.monotonic()
        while (left := updated + UPDATE_EVERY_SECONDS - time.monotonic()) > 0:
            view.positions.take(ticks.next_batch(left))
        announced = any(view.positions.concerns(change) for change in announcements.next_batch(0))
        now = time.monotonic()
        if announced or now - looked >= LOOK_EVERY_SECONDS:
            _look(view, ticks)
            looked = now
        changes = view.changes()
        if changes or now - sent >= HEARTBEAT_SECONDS:
            yield changes or view.heartbeat
            sent = now


def _look(view: StreamView, ticks: TickSubscription) -> None:
    view.look()
    ticks.set_symbols(view.positions.counted_through())
