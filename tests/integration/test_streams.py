"""The two live streams, of the pages and of the API, read event by event over real Postgres and Redis."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, delete, update

from services.web import event_stream
from services.web.app import create_app
from shared.bus.publisher import TickPublisher
from shared.domain.places import place_from_stream_id
from shared.settings import Settings
from shared.store.tables import recorder_positions, users
from tests.recorded_rows import PASSWORD, Rows, add_recorder, add_user

STREAM = "/api/v1/stream"
DEADLINE_SECONDS = 10
Event = tuple[str, Any]


@pytest.fixture
def rows(engine: Engine) -> Iterator[Rows]:
    with engine.begin() as connection:
        connection.execute(delete(users))
    with engine.connect() as connection:
        yield add_recorder(connection, add_user(connection, "trader"), "Opening range")


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


@pytest.fixture
def ticks(redis_client: Redis) -> TickPublisher:
    return TickPublisher(redis_client, source="test", epoch=1, retention_seconds=3600)


def tick(ticks: TickPublisher, price: str, *, seconds_ago: int = 0, symbol: str = "MNQ1!") -> None:
    ticks.publish(symbol, Decimal(price), time.time_ns() - seconds_ago * 1_000_000_000)


@contextmanager
def opened(client: FlaskClient, rows: Rows, path: str, name: str = "trader") -> Iterator[Iterator[Event]]:
    """Sign in and open a stream; gives its events as name and data, a comment as `comment` and its text."""
    rows.connection.commit()
    client.post("/login", data={"name": name, "password": PASSWORD})
    answer = client.get(path, buffered=False)
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    try:
        yield _events(answer.iter_encoded())
    finally:
        answer.close()


def _events(chunks: Iterator[bytes]) -> Iterator[Event]:
    for chunk in chunks:
        for block in chunk.decode().strip().split("\n\n"):
            name, data = "message", ""
            for line in block.split("\n"):
                field, _, value = line.partition(": ")
                name = value if field == "event" else name
                data = value if field == "data" else data
            if block.startswith(":"):
                yield "comment", block
            elif data:
                yield name, json.loads(data)


def until(events: Iterator[Event], holds: Callable[[Event], bool]) -> Event:
    """Read on to the event for which it holds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    for event in events:
        if holds(event):
            return event
        assert time.monotonic() < deadline, "it did not come in time"
    pytest.fail("the stream ended")


def last_place(redis_client: Redis) -> int:
    return place_from_stream_id(str(redis_client.hget("ticks:heads", "place")))


def test_a_page_opened_in_a_quiet_spell_has_the_last_price_and_its_age(
    client: FlaskClient, rows: Rows, ticks: TickPublisher, redis_client: Redis
) -> None:
    tick(ticks, "25593.25", seconds_ago=75)
    position = rows.position(place=last_place(redis_client), current_price=Decimal("25593.25"))

    with opened(client, rows, "/live") as events:
        name, message = next(events)

    assert (name, message["snapshot"]) == ("message", True)
    assert message["cells"][f"p{position}.last"][0] == "25,593.25"
    assert message["cells"][f"p{position}.age"][0].startswith("last tick 1 min 1")


def test_a_symbol_that_is_new_on_an_open_page_begins_with_its_last_tick(
    client: FlaskClient, rows: Rows, ticks: TickPublisher, redis_client: Redis
) -> None:
    with opened(client, rows, "/live") as events:
        next(events)
        tick(ticks, "25593.25", seconds_ago=75)
        position = rows.position(place=last_place(redis_client), current_price=Decimal("25593.25"))
        rows.connection.commit()
        _, message = until(events, lambda event: f"p{position}.age" in event[1].get("cells", {}))

    assert message["cells"][f"p{position}.age"][0].startswith("last tick 1 min 1")


def test_a_page_counts_what_came_after_the_row_from_the_first_cell_on(
    client: FlaskClient, rows: Rows, ticks: TickPublisher
) -> None:
    position = rows.position()
    for price in ("25590.25", "25604.00", "25601.00"):
        tick(ticks, price)

    with opened(client, rows, "/live") as events:
        cells = next(events)[1]["cells"]

    assert [cells[f"p{position}.{name}"][0] for name in ("pnl", "drawdown", "runup")] == ["+$4.00", "$39.00", "+$16.00"]


def test_a_program_gets_all_open_positions_then_what_changes_then_what_closes(
    client: FlaskClient, rows: Rows, ticks: TickPublisher
) -> None:
    position = rows.position(gap_seconds=Decimal("1.50"), worst_unrealized_pnl=Decimal("-10.00"))
    quiet = rows.position(ticker="MES1!", side="SHORT", current_price=None, unrealized_pnl=0, ticks_seen=0)
    tick(ticks, "25601.00")

    with opened(client, rows, STREAM) as events:
        snapshot = next(events)
        tick(ticks, "25590.25")
        changes = until(events, lambda event: event[0] == "changes")
        close(rows, position)
        closed = until(events, lambda event: event[0] == "closed")

    known = {
        "id": position,
        "recorder": "Opening range",
        "symbol": "MNQ1!",
        "side": "LONG",
        "quantity": 2,
        "avg_entry_price": "25600",
        "gap_seconds": "1.5",
        "stop_price": None,
        "stop_reason": None,
        "targets": [],
    }
    assert snapshot[0] == "positions"
    assert snapshot[1][1] == known | {
        "current_price": "25601",
        "unrealized_pnl": "4",
        "worst_unrealized_pnl": "-10",
        "best_unrealized_pnl": "4",
        "ticks_seen": 13,
    }
    assert [snapshot[1][0][name] for name in ("id", "current_price", "unrealized_pnl")] == [quiet, None, None]
    assert changes[1] == [
        known
        | {
            "current_price": "25590.25",
            "unrealized_pnl": "-39",
            "worst_unrealized_pnl": "-39",
            "best_unrealized_pnl": "4",
            "ticks_seen": 14,
        }
    ]
    assert closed == ("closed", [position])


TRAILING = {
    "rules": {"stop": {"kind": "ticks", "value": "40"}, "trail": {"trigger_ticks": "20", "step_ticks": 4}},
    "basis": {"price": "25600", "value": "51200", "quantity": 2},
    "stop": {"price": "25590.00", "overdue": False},
    "targets": [{"level": {"price": "25650.00", "overdue": False}, "quantity": None}],
}


def test_a_program_sees_the_stop_move_while_it_trails(client: FlaskClient, rows: Rows, ticks: TickPublisher) -> None:
    rows.position(exit_plan=TRAILING)
    tick(ticks, "25604.75")

    with opened(client, rows, STREAM) as events:
        _, (planned,) = next(events)
        tick(ticks, "25605.00")
        _, (trailed,) = until(events, lambda event: event[0] == "changes" and event[1][0]["stop_price"] != "25590")
        tick(ticks, "25601.00")
        _, (kept,) = until(events, lambda event: event[0] == "changes" and event[1][0]["current_price"] == "25601")

    assert planned["targets"] == [{"price": "25650", "quantity": None}]
    stops = [(each["stop_price"], each["stop_reason"]) for each in (planned, trailed, kept)]
    assert stops == [("25590", "sl"), ("25595", "trail"), ("25595", "trail")]


def test_a_page_sees_the_stop_move_while_it_trails(client: FlaskClient, rows: Rows, ticks: TickPublisher) -> None:
    position = rows.position(exit_plan=TRAILING)
    stop = f"p{position}.stop"

    with opened(client, rows, "/live") as events:
        shown = next(events)[1]["cells"]
        tick(ticks, "25608.00")
        _, message = until(events, lambda event: stop in event[1].get("cells", {}))

    assert [shown[f"{stop}{part}"][0] for part in ("", ".reason")] == ["25,590.00", "Stop loss"]
    assert shown[f"p{position}.target"][0] == "25,650.00 for all"
    assert [message["cells"][f"{stop}{part}"][0] for part in ("", ".reason")] == ["25,598.00", "Trailing stop"]


def close(rows: Rows, position_id: int) -> None:
    now = datetime.now(UTC)
    closing = {"status": "closed", "total_quantity": 0, "entries": [], "exit_price": Decimal(25600), "closed_at": now}
    rows.connection.execute(update(recorder_positions).where(recorder_positions.c.id == position_id).values(closing))
    rows.connection.commit()


def test_a_program_sees_its_own_users_positions_only(client: FlaskClient, rows: Rows) -> None:
    rows.position()
    add_user(rows.connection, "other")

    with opened(client, rows, STREAM, "other") as events:
        assert next(events) == ("positions", [])


def test_however_fast_ticks_come_changes_are_at_most_four_a_second(
    client: FlaskClient, rows: Rows, ticks: TickPublisher
) -> None:
    rows.position()

    def publish() -> None:
        for number in range(60):
            tick(ticks, str(25600 + number % 7))
            time.sleep(0.02)  # the pace of the market, not a wait for anything

    with opened(client, rows, STREAM) as events:
        next(events)
        began = time.monotonic()
        market = threading.Thread(target=publish)
        market.start()
        counts = []
        while not counts or counts[-1] < 12 + 60:
            _, (position,) = until(events, lambda event: event[0] == "changes")
            counts.append(position["ticks_seen"])
        market.join()

    assert len(counts) <= 1 + (time.monotonic() - began) / 0.25


def test_a_stream_with_nothing_to_tell_still_shows_that_it_stands(
    client: FlaskClient, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT_SECONDS", 0.5)

    with opened(client, rows, STREAM) as events:
        assert [next(events), next(events)] == [("positions", []), ("comment", ": heartbeat")]


def test_an_api_key_opens_the_stream_and_nobody_else_does(client: FlaskClient, rows: Rows) -> None:
    from shared.store.users import rotate_api_key

    key = rotate_api_key(rows.connection, rows.user_id)
    rows.connection.commit()

    refused = client.get(STREAM)
    answer = client.get(STREAM, headers={"Authorization": f"Bearer {key}"}, buffered=False)
    answer.close()

    assert (refused.status_code, refused.content_type) == (401, "application/problem+json")
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
