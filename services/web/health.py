"""Whether this service lives, and whether everything that a recorder needs does."""

import time
from collections.abc import Callable
from dataclasses import asdict

from flask import Blueprint, Response, jsonify

from services.web.backend import backend
from services.web.feed_status import feed_status
from shared.bus.connection import CONNECTION_LOST
from shared.bus.heartbeat import SILENT_AFTER_SECONDS, Beat, read_heartbeats
from shared.bus.waiting_bodies import count_waiting
from shared.domain.timestamps import NS_PER_SECOND
from shared.store.database import DATABASE_LOST, ping_database

NEEDED_SERVICES = ("price_feed", "recorder_worker", "tpsl_worker")

health = Blueprint("health", __name__)


@health.get("/healthz")
def healthz() -> Response:
    """Say that this process answers."""
    return jsonify(status="ok")


@health.get("/readyz")
def readyz() -> Response:
    """Show each dependency and service with its age; 503 when one of them is not well."""
    beats: list[Beat] = []
    dependencies = {
        "postgres": _asked(lambda: ping_database(backend().intake_engine)),
        "redis": _asked(lambda: beats.extend(read_heartbeats(backend().redis))),
    }
    alerts = _alerts()
    services = {service: _described(service, beats) for service in NEEDED_SERVICES}
    well = all(part["ok"] for part in (*dependencies.values(), alerts, *services.values()))
    parts = {"dependencies": dependencies, "alerts": alerts, "services": services, "feed": _feed(beats)}
    response = jsonify(status="ok" if well else "unwell", **parts)
    response.status_code = 200 if well else 503
    return response


def _alerts() -> dict[str, object]:
    """Describe whether alerts wait in Redis until Postgres can store them."""
    try:
        waiting = count_waiting(backend().redis)
    except CONNECTION_LOST:
        return {"ok": False, "reason": "Redis, where they would wait, does not answer"}
    if waiting:
        return {"ok": False, "waiting": waiting, "reason": "accepted alerts wait in Redis until Postgres stores them"}
    return {"ok": True, "waiting": 0}


def _feed(beats: list[Beat]) -> dict[str, object] | None:
    """Describe where prices come from, for whoever looks; a closed market or a stale symbol makes nothing unwell."""
    status = feed_status(beats)
    if status is None:
        return None
    now = time.time_ns()
    symbols = [
        {**asdict(symbol), "age_seconds": symbol.heard_at and round((now - symbol.heard_at) / NS_PER_SECOND, 1)}
        for symbol in status.symbols
    ]
    return {
        "feed": status.feed,
        "state": status.state,
        "sources": list(map(asdict, status.sources)),
        "symbols": symbols,
    }


def _asked(ask: Callable[[], None]) -> dict[str, object]:
    began_at = time.monotonic()
    try:
        ask()
    except (*DATABASE_LOST, *CONNECTION_LOST):
        return {"ok": False, "reason": "does not answer"}
    return {"ok": True, "milliseconds": round((time.monotonic() - began_at) * 1000, 1)}


def _described(service: str, beats: list[Beat]) -> dict[str, object]:
    """Describe a service by the age of each instance's last sign of life; one that lives is enough."""
    ages = sorted(round(beat.age_seconds, 1) for beat in beats if beat.service == service)
    if not ages:
        return {"ok": False, "reason": "has not been seen for ten minutes"}
    living = [age for age in ages if age <= SILENT_AFTER_SECONDS]
    described: dict[str, object] = {"ok": bool(living), "age_seconds": ages[0], "instances": len(living)}
    return described if living else {**described, "reason": f"silent for {ages[0]} s"}
