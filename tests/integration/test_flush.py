"""What a flush writes: what the fold would, never over something newer, nothing that a signal might still cut off."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from redis import Redis
from sqlalchemy import Connection, Engine, text

from shared.bus.tick_log import last_place, read_entries
from shared.domain.fold import advance
from shared.domain.ticks import LogEntry
from shared.store.flush import flush_positions
from shared.store.positions import StoredPosition, load_positions, open_position_versions
from shared.store.watched_positions import Numbers, watched_from
from tests.trading import Desk, Recorder, empty_desk, rival_transaction

BUY, CLOSE = {"action": "buy"}, {"action": "close"}


@pytest.fixture
def held(desk: Desk) -> list[Recorder]:
    """Three recorders with a position from 100."""
    recorders = [desk.recorder() for _ in range(3)]
    desk.tick("100")
    desk.alert_all(recorders, BUY)
    desk.catch_up()
    return recorders


def counted(desk: Desk, *, through: int | None = None) -> list[StoredPosition]:
    """Load the open positions and take them through the log, as the book of the symbol does."""
    end = last_place(desk.redis) if through is None else through
    symbols = {recorder.stated["symbol"] for recorder in desk.recorders}
    with desk.engine.connect() as connection:
        stored = load_positions(connection, open_position_versions(connection, symbols))
    stored.sort(key=lambda each: each.recorder_id)
    return [replace(each, position=advance(each.position, log_after(desk, each, end))) for each in stored]


def log_after(desk: Desk, stored: StoredPosition, through: int) -> list[LogEntry]:
    return read_entries(desk.redis, stored.position.symbol, after=stored.position.place, through=through)


def flush(desk: Desk, positions: list[StoredPosition]) -> set[int]:
    with desk.engine.begin() as connection:
        return flush_positions(connection, [watched_from(each, Numbers()) for each in positions])


def worst(desk: Desk, recorders: list[Recorder]) -> list[Decimal]:
    return [desk.position(each)["worst_unrealized_pnl"] for each in recorders]


def test_a_flush_writes_what_the_ticks_did(desk: Desk, held: list[Recorder]) -> None:
    end = desk.tick("90", "103", "101")
    assert len(flush(desk, counted(desk))) == 3
    row = desk.position(held[0])
    assert (row["worst_unrealized_pnl"], row["worst_price"], row["best_unrealized_pnl"]) == (-20, 90, 6)
    assert (row["lowest_since_fill"], row["highest_since_fill"]) == (90, 103)
    assert (row["current_price"], row["unrealized_pnl"], row["ticks_seen"], row["place"]) == (101, 2, 3, end)
    assert row["worst_at"] < row["best_at"]
    assert row["version"] == 1


def test_a_flush_changes_nothing_that_is_recorded_later(desk: Desk, held: list[Recorder]) -> None:
    desk.tick("90", "103")
    flush(desk, counted(desk))
    desk.tick("101")
    desk.alert_all(held, CLOSE)
    desk.catch_up()
    for recorder in held:
        assert desk.recorded(recorder) == desk.replayed(recorder)


def test_nothing_to_flush_asks_nothing_of_the_database(engine: Engine) -> None:
    with engine.begin() as connection:
        assert flush_positions(connection, []) == set()


def test_a_row_that_somebody_has_locked_is_passed_by(desk: Desk, held: list[Recorder]) -> None:
    desk.tick("90")
    positions = counted(desk)
    with rival_transaction(desk.engine) as rival:
        lock(rival, positions[1])
        assert flush(desk, positions) == {positions[0].id, positions[2].id}
    assert worst(desk, held) == [-20, 0, -20]
    assert flush(desk, positions) == {positions[1].id}


def test_a_row_that_was_caught_up_meanwhile_keeps_what_that_wrote(desk: Desk, held: list[Recorder]) -> None:
    desk.tick("90")
    positions = counted(desk)
    desk.alert(held[1], CLOSE)
    desk.catch_up(held[1])
    assert flush(desk, positions) == {positions[0].id, positions[2].id}
    assert desk.position(held[1])["status"] == "closed"


def test_a_newer_version_stands_though_its_place_is_earlier(desk: Desk, held: list[Recorder]) -> None:
    accepted_at = desk.tick("101")
    desk.tick("90")
    positions = counted(desk)
    desk.alert(held[1], BUY, place=accepted_at, market_price=Decimal(101))
    desk.catch_up()
    assert flush(desk, positions) == {positions[0].id, positions[2].id}
    row = desk.position(held[1])
    assert (row["version"], row["total_quantity"], row["worst_unrealized_pnl"]) == (2, 2, 0)
    desk.settle()
    assert desk.recorded(held[1]) == desk.replayed(held[1])


def test_a_recorder_with_a_pending_signal_is_passed_by(desk: Desk, held: list[Recorder]) -> None:
    desk.tick("90")
    desk.alert(held[2], CLOSE)
    desk.tick("80")
    positions = counted(desk)
    assert flush(desk, positions) == {positions[0].id, positions[1].id}
    desk.catch_up()
    (trade,) = desk.trades(held[2])
    assert (trade["max_adverse"], trade["ticks_seen"]) == (-20, 1)


def test_a_place_never_moves_back(desk: Desk, held: list[Recorder]) -> None:
    middle = desk.tick("90")
    end = desk.tick("80")
    earlier, later = counted(desk, through=middle), counted(desk)
    assert len(flush(desk, later)) == 3
    assert flush(desk, earlier) == set()
    assert flush(desk, later) == set()
    assert worst(desk, held) == [-40, -40, -40]
    assert desk.position(held[0])["place"] == end


def test_closed_positions_stay_as_they_are(desk: Desk, held: list[Recorder]) -> None:
    desk.tick("90")
    positions = counted(desk)
    desk.alert_all(held, CLOSE)
    desk.catch_up()
    before = desk.everything()
    desk.tick("10")
    assert flush(desk, positions) == set()
    assert desk.everything() == before


def test_positions_that_have_seen_no_tick_yet_are_written_beside_others(desk: Desk) -> None:
    blind, seeing = desk.recorder(symbol="MGC1!"), desk.recorder()
    desk.alert(blind, BUY | {"price": "4000"})
    desk.tick("100")
    desk.alert(seeing, BUY)
    desk.catch_up()
    desk.tick("99")
    ahead = [replace(each, position=replace(each.position, place=last_place(desk.redis))) for each in counted(desk)]
    assert len(flush(desk, ahead)) == 2
    assert desk.position(blind)["current_price"] is None


def test_hundreds_of_positions_are_one_statement(desk: Desk) -> None:
    desk.many_recorders(600)
    desk.tick("100")
    desk.alert_all(desk.recorders, BUY)
    desk.catch_up()
    desk.tick("99")
    assert len(flush(desk, counted(desk))) == 600
    with desk.engine.connect() as connection:
        rows: Any = connection.execute(text("SELECT DISTINCT worst_unrealized_pnl FROM recorder_positions"))
        assert rows.scalars().all() == [-2]


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    moves=st.lists(st.integers(-8, 8), min_size=1, max_size=25),
    flushes=st.sets(st.integers(0, 24)),
    quantity=st.integers(1, 3),
    action=st.sampled_from(["buy", "sell"]),
)
def test_rows_equal_the_plain_fold_whenever_they_were_flushed(
    engine: Engine, redis_client: Redis, moves: list[int], flushes: set[int], quantity: int, action: str
) -> None:
    redis_client.flushall()
    desk = empty_desk(engine, redis_client)
    recorder = desk.recorder(initial_position_size=quantity)
    desk.tick("400")
    desk.alert(recorder, {"action": action})
    desk.catch_up()
    (opened,) = counted(desk)
    price = Decimal(400)
    for number, move in enumerate(moves):
        price += Decimal(move) / 4
        desk.tick(price)
        if number in flushes:
            flush(desk, counted(desk))
    flush(desk, counted(desk))
    expected = advance(opened.position, log_after(desk, opened, last_place(redis_client)))
    with engine.connect() as connection:
        (written,) = load_positions(connection, [opened.id])
    assert written.position == expected


def lock(connection: Connection, stored: StoredPosition) -> None:
    connection.execute(text("SELECT 1 FROM recorder_positions WHERE id = :id FOR NO KEY UPDATE"), {"id": stored.id})
