"""The live stream: what changes on one user's pages, as server-sent events, formatted here as the pages are."""

import json
import time
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, stream_with_context

from services.web.backend import backend
from services.web.live_positions import LivePositions
from services.web.pages.viewer import viewer, viewer_zone
from shared.bus.announcements import PositionAnnouncements
from shared.bus.tick_subscription import TickSubscription

UPDATE_EVERY_SECONDS = 0.25
LOOK_EVERY_SECONDS = 1.0
HEARTBEAT_SECONDS = 15
RETRY_MS = 2000

Message = dict[str, Any]

live = Blueprint("live", __name__)


@live.get("/live")
def stream() -> Response:
    """Stream snapshots and changes until the browser goes away."""
    response = Response(stream_with_context(_events()), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _events() -> Iterator[str]:
    url = backend().settings.redis_url
    announcements = PositionAnnouncements(url)
    try:
        with TickSubscription(url, {}) as ticks:
            shown = LivePositions(viewer().id, viewer_zone())
            yield f"retry: {RETRY_MS}\n\n"
            yield _event({"snapshot": True} | _look(shown, ticks))
            yield from _changes(shown, ticks, announcements)
    finally:
        announcements.close()


def _changes(shown: LivePositions, ticks: TickSubscription, announcements: PositionAnnouncements) -> Iterator[str]:
    looked = sent = time.monotonic()
    while True:
        updated = time.monotonic()
        while (left := updated + UPDATE_EVERY_SECONDS - time.monotonic()) > 0:
            shown.take(ticks.next_batch(left))
        announced = any(shown.concerns(change) for change in announcements.next_batch(0))
        now = time.monotonic()
        if announced or now - looked >= LOOK_EVERY_SECONDS:
            message, looked = _look(shown, ticks), now
        else:
            message = _cells(shown)
        if message or now - sent >= HEARTBEAT_SECONDS:
            yield _event(message)
            sent = now


def _look(shown: LivePositions, ticks: TickSubscription) -> Message:
    fragments = shown.look()
    ticks.set_symbols(shown.counted_through())
    return ({"fragments": fragments} if fragments else {}) | _cells(shown)


def _cells(shown: LivePositions) -> Message:
    cells = {name: [cell.text, cell.tone, cell.reason] for name, cell in shown.changed_cells().items()}
    return {"cells": cells} if cells else {}


def _event(message: Message) -> str:
    return f"data: {json.dumps(message, separators=(',', ':'), ensure_ascii=False)}\n\n"
