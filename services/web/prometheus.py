"""Figures for Prometheus, in its text format: what can be told at once, without counting rows."""

import time
from collections.abc import Iterator, Mapping
from math import isnan, nan

from flask import Blueprint, Response

from services.web.backend import backend
from services.web.feed_status import FeedStatus, feed_status
from shared.bus.connection import CONNECTION_LOST
from shared.bus.heartbeat import Beat, read_heartbeats
from shared.bus.waiting_bodies import count_waiting
from shared.domain.timestamps import NS_PER_SECOND
from shared.store.database import DATABASE_LOST
from shared.store.recorders import count_signals

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[str, Mapping[str, str], float]

HELP = {
    "recorder_signals_total": "Alerts that were stored since the recorders were made.",
    "recorder_alerts_waiting": "Accepted alerts that wait in Redis until Postgres stores them.",
    "recorder_service_age_seconds": "Time since a service's last sign of life.",
    "recorder_feed_messages_total": "Ticks and gap marks that the price feed appended since it started.",
    "recorder_feed_source_up": "Whether a source is connected.",
    "recorder_feed_symbol_age_seconds": "Time since a symbol was last heard of.",
    "recorder_feed_symbol_live": "Whether a symbol's prices come in, or its market is closed.",
    "recorder_feed_symbol_delay_seconds": "By how much a symbol's prices are late; NaN: nobody knows.",
    "recorder_feed_refused_total": "Prices that were kept out of the log, by kind.",
}


prometheus = Blueprint("prometheus", __name__)


@prometheus.get("/metrics")
def metrics() -> Response:
    """Write every figure that can be had; those of a server that is away are missing."""
    samples = [*_of_postgres(), *_of_redis()]
    lines: list[str] = []
    for name, text in HELP.items():
        found = [sample for sample in samples if sample[0] == name]
        if found:
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}", *map(_line, found)]
    return Response("\n".join(lines) + "\n", content_type=TEXT_FORMAT)


def _of_postgres() -> Iterator[Sample]:
    try:
        with backend().intake_engine.connect() as connection:
            yield "recorder_signals_total", {}, count_signals(connection)
    except DATABASE_LOST:
        return


def _of_redis() -> Iterator[Sample]:
    try:
        yield "recorder_alerts_waiting", {}, count_waiting(backend().redis)
        beats = read_heartbeats(backend().redis)
    except CONNECTION_LOST:
        return
    yield from map(_of_service, beats)
    status = feed_status(beats)
    if status is not None:
        yield from _of_feed(status)


def _of_service(beat: Beat) -> Sample:
    labels = {"service": beat.service, "instance": beat.instance}
    return "recorder_service_age_seconds", labels, round(beat.age_seconds, 3)


def _of_feed(status: FeedStatus) -> Iterator[Sample]:
    yield "recorder_feed_messages_total", {"feed": status.feed}, status.messages
    for source in status.sources:
        yield "recorder_feed_source_up", {"source": source.source}, source.state == "live"
    now = time.time_ns()
    for symbol in status.symbols:
        labels = {"symbol": symbol.symbol, "source": symbol.source or ""}
        delay = nan if symbol.delay_seconds is None else symbol.delay_seconds
        yield "recorder_feed_symbol_live", labels, symbol.state in {"live", "closed"}
        yield "recorder_feed_symbol_delay_seconds", labels, delay
        if symbol.heard_at is not None:
            yield "recorder_feed_symbol_age_seconds", labels, round((now - symbol.heard_at) / NS_PER_SECOND, 3)
        for kind, count in symbol.refused.items():
            yield "recorder_feed_refused_total", {**labels, "kind": kind}, count


def _line(sample: Sample) -> str:
    name, labels, value = sample
    listed = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    number = "NaN" if isnan(value) else format(value, ".15g")
    return f"{name}{{{listed}}} {number}" if listed else f"{name} {number}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
