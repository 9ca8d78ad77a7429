"""A bar closes: thousands of recorders get an alert at the same moment."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import insert, select

from cli.bench.alerts import alerts, send
from cli.bench.http_load import Request
from cli.bench.recording import acquaint, expect_recorded, recording
from cli.bench.stand import Stand
from shared.store.tables import recorded_signals, recorders

BODY = b'{"ticker": "MNQ1!", "action": "buy"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Seconds from sending the first alert to the last answer, the slowest answer, and to the last commit."""

    slowest_answer: float
    recorded: float


def burst(stand: Stand, tokens: Sequence[str], *, workers: int) -> Burst:
    """Send one alert to each recorder, all at once; raises BenchFailed if one is lost."""
    with recording(stand, workers=workers) as system:
        acquaint(system, tokens)
        requests = [Request(sent=each) for each in alerts(system.web, tokens, count=len(tokens))]
        start, answers = send(system.web, requests, connections=len(requests))
        committed = system.wait_for(len(tokens))
    expect_recorded(stand, len(tokens))
    return Burst(slowest_answer=max(answer.ended for answer in answers) - start, recorded=max(committed) - start)


def insert_at_once(stand: Stand) -> float:
    """Insert as many signals as there are recorders with one executemany, and leave none; returns the seconds."""
    now = datetime.now(UTC)
    facts = {"raw_data": BODY, "received_at": now, "recorded_at": now, "status": "ignored", "reason": "bare"}
    with stand.engine.connect() as connection:
        whose = select(recorders.c.user_id, recorders.c.id.label("recorder_id"), recorders.c.settings_id)
        rows = [{**row, **facts} for row in connection.execute(whose).mappings()]
        began = time.perf_counter()
        connection.execute(insert(recorded_signals), rows)
        seconds = time.perf_counter() - began
        connection.rollback()
    return seconds
