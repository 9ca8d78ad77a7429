"""What catch_up promises: signals and ticks in their order, once, whole or not at all, whoever calls it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import ConnectionError as RedisUnreachable
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError

from services.web.formatting import AT_LEAST, drawdown_cell
from shared import catch_up as catch_up_module
from shared.bus import log_tape
from shared.bus.tick_log import last_place, read_entries, read_heads, stream_of
from shared.catching_up import told, written_folds
from shared.domain.contracts import Contract
from shared.domain.fold import RecorderFold
from shared.domain.places import SEQUENCE_BITS, place_from_stream_id
from shared.domain.refusals import SignalRefused
from shared.domain.ticks import GapMark, LogEntry, PriceTick, RollMark
from shared.domain.timestamps import to_datetime
from shared.store import database, fold_results
from shared.store.signals import count_pending, has_pending_older_than
from tests.property.strategies import START as SCENARIOS_START
from tests.property.strategies import Scenario, ScriptedContract, body_of, scenarios
from tests.trading import (
    MILLISECOND,
    Desk,
    Recorder,
    assert_as_replayed,
    audit_differences,
    empty_desk,
    pending_count,
    rival_transaction,
    somebody_waits_for_a_lock,
    wait_until,
)

SECOND = 1000 * MILLISECOND
BUY, SELL, CLOSE = {"action": "buy"}, {"action": "sell"}, {"action": "close"}


class TestOrder:
    def test_an_entry_and_an_exit_20_ms_apart_have_the_drawdown_of_the_ticks_in_between(self, desk: Desk) -> None:
        recorder = desk.recorder()
        desk.tick("25610.00")
        opened = desk.alert(recorder, BUY | {"price": "25600.00"})
        desk.tick("25580.00", "25595.00", "25599.00")
        desk.now += 15 * MILLISECOND
        desk.alert(recorder, CLOSE | {"price": "25610.00"})
        desk.tick("25000.00")
        assert desk.catch_up() == 2
        (trade,) = desk.trades(recorder)
        assert (trade["exit_time"] - trade["entry_time"]).total_seconds() < 0.02
        assert (trade["max_adverse"], trade["max_favorable"], trade["pnl"]) == (-40, 20, 20)
        assert (trade["worst_price"], trade["ticks_seen"], trade["signal_id"]) == (25580, 3, opened)
        assert desk.position(recorder)["worst_unrealized_pnl"] == -40
        assert_as_replayed(desk)

    def test_signals_apply_in_the_order_of_acceptance_each_after_its_ticks(self, desk: Desk) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        desk.alert(recorder, BUY)
        desk.tick("101")
        desk.alert(recorder, CLOSE)
        desk.tick("102")
        desk.alert(recorder, SELL)
        desk.tick("99")
        assert desk.catch_up() == 3
        assert [(t["side"], t["entry_price"], t["exit_price"]) for t in desk.trades(recorder)] == [
            ("LONG", 100, 101),
            ("SHORT", 102, None),
        ]
        assert_as_replayed(desk)

    def test_a_stop_between_two_pending_signals_comes_between_them(self, desk: Desk) -> None:
        recorder = desk.recorder(sl_enabled=True, sl_amount="4")
        desk.tick("100")
        desk.alert(recorder, BUY)
        desk.tick("99", "98.75", "98")
        desk.alert(recorder, BUY)
        desk.catch_up()
        assert [(t["status"], t["exit_reason"], t["exit_price"]) for t in desk.trades(recorder)] == [
            ("closed", "sl", 99),
            ("open", None, None),
        ]
        assert_as_replayed(desk)

    def test_a_late_signal_gets_the_place_its_position_has_reached_and_keeps_it(self, desk: Desk) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        desk.alert(recorder, BUY)
        accepted_at = desk.tick("101")
        counted = desk.tick("90", "102")
        desk.catch_up(through={"MNQ1!": counted})
        late = desk.alert(recorder, CLOSE, place=accepted_at, market_price=Decimal(101))
        desk.tick("50")
        desk.catch_up()
        (_, applied) = desk.signals(recorder)
        assert (applied["id"], applied["place"]) == (late, counted)
        (trade,) = desk.trades(recorder)
        assert (trade["exit_price"], trade["max_adverse"], trade["ticks_seen"]) == (102, -20, 3)
        assert_as_replayed(desk)

    def test_a_late_signal_comes_after_the_exit_that_overtook_it(self, desk: Desk) -> None:
        recorder = desk.recorder(sl_enabled=True, sl_amount="4")
        accepted_at = desk.tick("100")
        desk.alert(recorder, BUY)
        stopped_at = desk.tick("90")
        desk.catch_up(through={"MNQ1!": stopped_at})
        desk.alert(recorder, BUY, place=accepted_at, market_price=Decimal(100))
        desk.catch_up()
        assert [each["place"] for each in desk.signals(recorder)] == [accepted_at, stopped_at]
        assert [trade["entry_price"] for trade in desk.trades(recorder)] == [100, 90]
        assert_as_replayed(desk)

    def test_a_late_close_all_comes_after_the_exit_that_overtook_it(self, desk: Desk) -> None:
        recorder = desk.recorder(sl_enabled=True, sl_amount="4")
        accepted_at = desk.tick("100")
        desk.alert(recorder, BUY)
        stopped_at = desk.tick("90")
        desk.catch_up(through={"MNQ1!": stopped_at})
        desk.alert(recorder, "closeall", place=accepted_at)
        desk.catch_up()
        (_, closing) = desk.signals(recorder)
        assert (closing["status"], closing["place"]) == ("ignored", stopped_at)
        assert_as_replayed(desk)

    def test_a_late_close_all_closes_every_symbol_at_one_place(self, desk: Desk) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        desk.tick("7000", symbol="MES1!")
        desk.alert(recorder, BUY)
        accepted_at = desk.alert(recorder, BUY | {"ticker": "MES1!"}) and last_place(desk.redis)
        counted = desk.tick("90", "95")
        desk.tick("6000", symbol="MES1!")
        desk.catch_up(through={"MNQ1!": counted})
        end = desk.tick("6500", symbol="MES1!")
        desk.catch_up(through={"MES1!": end})
        desk.alert(recorder, "closeall", place=accepted_at)
        desk.catch_up()
        assert [(t["ticker"], t["exit_price"]) for t in desk.trades(recorder)] == [("MNQ1!", 95), ("MES1!", 6500)]
        assert desk.signals(recorder)[-1]["place"] == end
        assert_as_replayed(desk)

    def test_a_signal_after_one_that_the_market_refused_does_not_come_before_it(self, desk: Desk) -> None:
        recorder = desk.recorder()
        earlier = desk.tick("100")
        later = desk.tick("105")
        desk.alert(recorder, BUY | {"price": "1"}, place=later, market_price=Decimal(105))
        desk.catch_up()
        desk.alert(recorder, BUY, place=earlier, market_price=Decimal(100))
        desk.catch_up()
        assert [(each["status"], each["place"]) for each in desk.signals(recorder)] == [
            ("rejected", later),
            ("recorded", later),
        ]
        assert_as_replayed(desk)

    def test_without_a_place_a_signal_follows_the_last_tick_of_its_millisecond(self, desk: Desk) -> None:
        recorder = desk.recorder()
        before = desk.tick("100", "101")
        milliseconds = before >> SEQUENCE_BITS
        desk.redis.xadd(stream_of("MNQ1!"), {"p": "150", "t": str(desk.now)}, id=f"{milliseconds + 1}-0")
        desk.redis.hset("ticks:heads", "place", f"{milliseconds + 1}-0")
        desk.alert(recorder, BUY, place=None, received_at=to_datetime(milliseconds * MILLISECOND + 999_000))
        desk.catch_up()
        (applied,) = desk.signals(recorder)
        assert before <= applied["place"] < place_from_stream_id(f"{milliseconds + 1}-0")
        assert [trade["entry_price"] for trade in desk.trades(recorder)] == [101]
        assert_as_replayed(desk)

    def test_without_a_place_a_signal_never_comes_after_ticks_that_are_still_to_come(self, desk: Desk) -> None:
        recorder = desk.recorder()
        end = desk.tick("100")
        an_hour_ahead = to_datetime(((end >> SEQUENCE_BITS) + 3_600_000) * MILLISECOND)
        desk.alert(recorder, BUY, place=None, received_at=an_hour_ahead)
        desk.catch_up()
        assert desk.signals(recorder)[0]["place"] == end
        desk.tick("90")
        desk.settle()
        assert desk.position(recorder)["worst_unrealized_pnl"] == -20

    def test_ids_of_one_recorder_rise_in_the_order_of_their_commits(self, desk: Desk) -> None:
        recorder = desk.recorder()
        committed: list[int] = []

        def store(_: int) -> None:
            with desk.engine.connect() as connection, connection.begin() as transaction:
                stored = desk.store(connection, recorder, BUY)
                connection.execute(text("SELECT pg_sleep(0.002)"))
                with lock:
                    transaction.commit()
                    committed.append(stored)

        lock = threading.Lock()
        with ThreadPoolExecutor(5) as pool:
            list(pool.map(store, range(25)))
        assert committed == sorted(committed)
        assert len(committed) == 25


class TestRows:
    def test_a_partial_exit_splits_the_lot_into_a_closed_row_and_a_smaller_open_one(self, desk: Desk) -> None:
        recorder = desk.recorder(initial_position_size=5)
        desk.tick("100")
        desk.alert(recorder, BUY)
        desk.catch_up()
        desk.tick("98", "104")
        desk.alert(recorder, {"action": "sell", "market_position": "long", "position_size": "3"})
        desk.catch_up()
        rows = desk.trades(recorder)
        assert [(t["lot"], t["status"], t["quantity"], t["pnl"]) for t in rows] == [
            (1, "open", 3, None),
            (1, "closed", 2, Decimal(16)),
        ]
        assert [t["max_adverse"] for t in rows] == [-12, -8]
        assert_as_replayed(desk)

    def test_a_lot_closed_in_parts_ends_as_one_row_a_part(self, desk: Desk) -> None:
        recorder = desk.recorder(initial_position_size=6)
        desk.tick("100")
        desk.alert(recorder, BUY)
        desk.catch_up()
        for held in (5, 3):
            desk.tick(str(100 + held))
            desk.alert(recorder, {"action": "sell", "market_position": "long", "position_size": held})
        desk.catch_up()
        desk.tick("110")
        desk.alert(recorder, CLOSE)
        desk.catch_up()
        assert sorted((t["quantity"], t["exit_price"]) for t in desk.trades(recorder)) == [(1, 105), (2, 103), (3, 110)]
        assert {t["lot"] for t in desk.trades(recorder)} == {1}
        assert [leg["quantity"] for leg in desk.legs(recorder)] == [6, 5, 3]
        assert_as_replayed(desk)

    def test_a_reversal_closes_one_position_and_opens_another(self, desk: Desk) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        desk.alert(recorder, BUY)
        desk.tick("101")
        desk.catch_up()
        desk.alert(recorder, SELL)
        desk.tick("103")
        desk.catch_up()
        assert [(p["side"], p["status"], p["realized_pnl"]) for p in desk.positions(recorder)] == [
            ("LONG", "closed", 2),
            ("SHORT", "open", 0),
        ]
        assert [t["exit_reason"] for t in desk.trades(recorder)] == ["reversal", None]
        assert_as_replayed(desk)

    def test_entry_exit_and_entry_in_one_catch_up_are_two_positions(self, desk: Desk) -> None:
        recorder = desk.recorder()
        for price, body in (("100", BUY), ("101", CLOSE), ("102", BUY), ("103", BUY)):
            desk.tick(price)
            desk.alert(recorder, body)
        assert desk.catch_up() == 4
        assert [(p["status"], p["total_quantity"]) for p in desk.positions(recorder)] == [("closed", 0), ("open", 2)]
        assert [t["lot"] for t in desk.trades(recorder)] == [1, 1, 2]
        assert_as_replayed(desk)

    def test_a_close_all_closes_every_symbol_at_its_own_last_tick(self, desk: Desk) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        desk.tick("7000", symbol="MES1!")
        desk.alert(recorder, BUY)
        desk.alert(recorder, SELL | {"ticker": "MES1!"})
        desk.tick("110")
        desk.tick("6990", symbol="MES1!")
        desk.catch_up()
        desk.alert(recorder, {"action": "closeall", "price": "110"})
        desk.catch_up()
        assert [(t["ticker"], t["exit_price"], t["status"]) for t in desk.trades(recorder)] == [
            ("MNQ1!", 110, "closed"),
            ("MES1!", 6990, "closed"),
        ]
        assert_as_replayed(desk)

    def test_an_open_position_keeps_the_plan_it_was_entered_with(self, desk: Desk) -> None:
        recorder = desk.recorder(sl_enabled=True, sl_amount="4")
        desk.tick("100")
        desk.alert(recorder, BUY)
        desk.catch_up()
        with desk.engine.begin() as connection:
            connection.execute(
                text("UPDATE recorder_settings SET settings = jsonb_set(settings, '{sl_amount}', '\"40\"')")
            )
        desk.tick("99")
        desk.settle()
        assert desk.position(recorder)["status"] == "closed"

    def test_more_contracts_than_a_row_holds_are_refused(self, desk: Desk) -> None:
        greedy, other = desk.recorder(), desk.recorder()
        desk.tick("100")
        for _ in range(2):
            desk.alert(greedy, BUY | {"quantity": "999999999"})
        desk.alert(other, BUY)
        assert desk.catch_up() == 3
        statuses = [each["status"] for recorder in desk.recorders for each in desk.signals(recorder)]
        assert statuses == ["recorded", "rejected", "recorded"]
        assert "999999999" in desk.signals(greedy)[1]["reason"]
        assert_as_replayed(desk)


class TestWholeOrNotAtAll:
    def test_a_second_catch_up_changes_nothing(self, desk: Desk) -> None:
        recorder = desk.recorder(sl_enabled=True, sl_amount="400")
        desk.tick("100")
        desk.alert(recorder, BUY)
        end = desk.tick("99", "101")
        desk.alert(recorder, BUY | {"price": "1"})
        desk.catch_up(through={"MNQ1!": end})
        before = desk.everything()
        assert desk.catch_up(through={"MNQ1!": end}) == 0
        assert desk.everything() == before

    @pytest.mark.parametrize(
        ("module", "name"),
        [
            (fold_results, "update_positions"),
            (fold_results, "insert_positions"),
            (fold_results, "write_trades"),
            (fold_results, "insert_legs"),
            (written_folds, "record_outcomes"),
            (written_folds, "count_signals"),
        ],
    )
    def test_a_failure_after_any_statement_leaves_nothing_half_done(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
    ) -> None:
        recorder = desk.recorder(initial_position_size=2)
        desk.tick("100")
        desk.alert(recorder, BUY)
        desk.catch_up()
        for price, body in (("101", CLOSE), ("102", SELL), ("99", {"action": "buy", "position_size": "-1"})):
            desk.tick(price)
            desk.alert(recorder, body)
        before = desk.everything()
        with monkeypatch.context() as patch:
            patch.setattr(module, name, then_lose_connection(getattr(module, name)))
            with pytest.raises(OperationalError):
                desk.catch_up()
        assert desk.everything() == before
        assert desk.catch_up() == 3
        assert len(desk.trades(recorder)) == 3
        assert_as_replayed(desk)

    def test_a_tick_log_that_goes_away_in_the_middle_leaves_everything_pending(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        desk.alert(recorder, BUY)
        desk.tick("101")
        desk.alert(recorder, CLOSE)
        before = desk.everything()
        with monkeypatch.context() as patch:
            patch.setattr(log_tape, "trimmed_through", lose_redis)
            with pytest.raises(RedisUnreachable):
                desk.catch_up()
        assert desk.everything() == before
        assert desk.catch_up() == 2
        assert_as_replayed(desk)

    def test_a_lost_announcement_takes_nothing_back(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        desk.alert(recorder, BUY)
        monkeypatch.setattr(told, "announce_positions", lose_redis)
        assert desk.catch_up() == 1
        assert desk.position(recorder)["status"] == "open"

    @pytest.mark.parametrize("place_alone", [True, False])
    def test_an_alert_between_a_roll_and_the_next_tick_fills_at_the_price_of_the_new_contract(
        self, desk: Desk, *, place_alone: bool
    ) -> None:
        recorder, later = desk.recorder(), desk.recorder()
        desk.tick("100")
        place = desk.roll("7.5")
        desk.alert(recorder, BUY, **({"place": place} if place_alone else {}))
        desk.roll("1")
        desk.alert(later, BUY)
        desk.settle()
        assert [desk.trades(each)[0]["entry_price"] for each in (recorder, later)] == [Decimal("108.5")] * 2
        assert_as_replayed(desk)

    def test_two_catch_ups_at_once_apply_each_signal_once(self, desk: Desk) -> None:
        chosen = [desk.recorder() for _ in range(8)]
        for round_ in range(5):
            desk.tick(str(100 + round_))
            for recorder in chosen:
                desk.alert(recorder, SELL if round_ % 2 else BUY)
        orders = [chosen, chosen[::-1], chosen[::2], chosen[1::2]]
        with ThreadPoolExecutor(len(orders)) as pool:
            counts = list(pool.map(lambda order: desk.catch_up(*order), orders))
        assert sum(counts) == 40
        assert pending_count(desk.engine) == 0
        assert_as_replayed(desk)

    def test_who_does_not_wait_leaves_out_what_somebody_else_is_at(self, desk: Desk) -> None:
        busy, free = desk.recorder(), desk.recorder()
        desk.tick("100")
        desk.alert(busy, BUY)
        desk.alert(free, BUY)
        with rival_transaction(desk.engine) as rival:
            rival.execute(text("SELECT 1 FROM recorders WHERE id = :id FOR NO KEY UPDATE"), {"id": busy.id})
            assert desk.catch_up(wait=False) == 1
        assert [len(desk.trades(each)) for each in (busy, free)] == [0, 1]
        assert desk.catch_up(wait=False) == 1

    def test_who_waits_goes_on_when_the_other_is_done(self, desk: Desk) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        desk.alert(recorder, BUY)
        with ThreadPoolExecutor(1) as pool:
            with rival_transaction(desk.engine) as rival:
                rival.execute(text("SELECT 1 FROM recorders FOR NO KEY UPDATE"))
                waiting = pool.submit(desk.catch_up)
                wait_until(lambda: somebody_waits_for_a_lock(desk.engine))
            assert waiting.result() == 1

    def test_a_recorder_on_which_it_fails_rests_alone_and_longer_each_time(self, desk: Desk) -> None:
        chosen = [desk.recorder() for _ in range(5)]
        desk.tick("100")
        for recorder in chosen:
            desk.alert(recorder, BUY)
        with desk.engine.begin() as connection:
            connection.execute(
                text("UPDATE recorder_settings SET settings = '{}' WHERE id = :id"), {"id": chosen[2].settings_id}
            )
        assert desk.catch_up() == 4
        assert [len(desk.trades(recorder)) for recorder in chosen] == [1, 1, 0, 1, 1]
        assert desk.signals(chosen[2])[0]["status"] == "accepted"
        rests = []
        for failures in (1, 2, 3, 9):
            with desk.engine.begin() as connection:
                row = connection.execute(_RESTING, {"id": chosen[2].id}).one()
                assert count_pending(connection, after=0, limit=9) == []
                assert not has_pending_older_than(connection, seconds=0)
                connection.execute(_TRY_AGAIN, {"id": chosen[2].id, "failures": failures})
            rests.append(float(row.seconds))
            assert "is missing" in row.error
            assert desk.catch_up() == 0
        assert rests == pytest.approx([0.5, 1, 2, 4], abs=0.4)

    def test_a_recorder_that_rested_goes_on_where_it_was(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        desk.alert(recorder, BUY)
        with monkeypatch.context() as patch:
            patch.setattr(catch_up_module, "read_pending", lambda *_, **__: 1 / 0)
            assert desk.catch_up() == 0
        assert desk.catch_up() == 0, "it rests"
        with desk.engine.begin() as connection:
            connection.execute(_TRY_AGAIN, {"id": recorder.id, "failures": 1})
        assert desk.catch_up() == 1
        with desk.engine.connect() as connection:
            row = connection.execute(_RESTING, {"id": recorder.id}).one()
        assert (row.failures, row.error, row.seconds) == (0, None, None)

    def test_a_signal_on_which_the_fold_fails_is_rejected_with_its_error(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        desk.alert(recorder, BUY)
        monkeypatch.setattr("shared.domain.application.interpret", lambda *_: 1 / 0)
        assert desk.catch_up() == 1
        (signal,) = desk.signals(recorder)
        assert signal["status"] == "rejected"
        assert "ZeroDivisionError" in signal["reason"]

    def test_a_body_that_is_no_longer_a_signal_is_rejected_and_holds_up_no_other(self, desk: Desk) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        damaged = desk.alert(recorder, BUY)
        desk.alert(recorder, BUY)
        with desk.engine.begin() as connection:
            statement = text("UPDATE recorded_signals SET raw_data = 'nonsense' WHERE id = :id")
            connection.execute(statement, {"id": damaged})
        desk.catch_up()
        assert [each["status"] for each in desk.signals(recorder)] == ["rejected", "recorded"]


_RESTING = text(
    "SELECT failures, error, extract(epoch FROM retry_at - clock_timestamp()) AS seconds FROM recorders WHERE id = :id"
)
_TRY_AGAIN = text("UPDATE recorders SET retry_at = now(), failures = :failures WHERE id = :id")


def then_lose_connection(function: Callable[..., Any]) -> Callable[..., Any]:
    def failing(*args: Any, **options: Any) -> Any:
        function(*args, **options)
        raise OperationalError("statement", {}, Exception("the server went away"))

    return failing


def lose_redis(*_: Any, **__: Any) -> Any:
    raise RedisUnreachable("the server went away")


class TestTrimmedLog:
    def test_what_retention_took_before_it_was_counted_is_a_gap(self, desk: Desk) -> None:
        recorder = desk.recorder()
        opened = desk.tick("100")
        desk.alert(recorder, BUY)
        desk.catch_up()
        trimmed = trimmed_ticks(desk, "50", "101")
        desk.now += 10**15
        desk.settle()
        position = desk.position(recorder)
        assert position["gap_seconds"] > 0
        assert position["gap_seconds"] == Decimal((trimmed >> SEQUENCE_BITS) - (opened >> SEQUENCE_BITS)).scaleb(-3)
        assert (position["worst_unrealized_pnl"], position["ticks_seen"]) == (0, 1)

    def test_a_gap_begins_where_each_position_was_whoever_is_caught_up_with_it(self, desk: Desk) -> None:
        first, second = desk.recorder(), desk.recorder()
        places = []
        for recorder in (first, second):
            places.append(desk.tick("100"))
            desk.alert(recorder, BUY)
            desk.catch_up()
            pass_milliseconds(desk, 5)
        trimmed = trimmed_ticks(desk, "50", "101")
        desk.now += 10**15
        for recorder, place in zip((first, second), places, strict=True):
            with desk.engine.begin() as connection:  # both entered long ago
                connection.execute(
                    text(
                        "UPDATE recorder_positions SET opened_at = '2020-01-01', place = :place WHERE recorder_id = :id"
                    ),
                    {"place": place, "id": recorder.id},
                )
        desk.settle()
        expected = [Decimal((trimmed >> SEQUENCE_BITS) - (place >> SEQUENCE_BITS)).scaleb(-3) for place in places]
        assert [desk.position(recorder)["gap_seconds"] for recorder in (first, second)] == expected
        assert expected[0] > expected[1]

    def test_a_signal_whose_own_ticks_are_gone_is_marked_too(self, desk: Desk) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        desk.alert(recorder, BUY)
        desk.catch_up()
        pass_milliseconds(desk, 5)
        desk.tick("50", "101")
        desk.now += 10**15
        desk.alert(recorder, CLOSE)
        pass_milliseconds(desk, 5)
        trimmed_ticks(desk, "102", "103")
        desk.catch_up()
        (trade,) = desk.trades(recorder)
        opened, closed = (each["place"] >> SEQUENCE_BITS for each in desk.signals(recorder))
        assert trade["gap_seconds"] == Decimal(closed - opened).scaleb(-3)
        assert trade["gap_seconds"] > 0


def trimmed_ticks(desk: Desk, *prices: str) -> int:
    """Append ticks, then one more when retention has taken all before it; the place of the last that is gone."""
    last = desk.tick(*prices)
    desk.redis.xtrim(stream_of("MNQ1!"), minid=f"{last >> SEQUENCE_BITS}-{(last & 0xFFFFF) + 1}", approximate=False)
    desk.redis.hset("ticks:heads", "MNQ1!:trimmed", f"{last >> SEQUENCE_BITS}-{last & 0xFFFFF}")
    desk.tick("101.25")
    return last


def pass_milliseconds(desk: Desk, milliseconds: int) -> None:
    """Let the clock of Redis, which makes the places, go on."""
    began = last_place(desk.redis) >> SEQUENCE_BITS
    while (last_place(desk.redis) >> SEQUENCE_BITS) < began + milliseconds:
        desk.publisher.publish("MGC1!", Decimal(1), desk.now)


def test_a_fold_that_takes_long_is_not_taken_for_a_stopped_process(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    advance = RecorderFold.advance

    def slowly(*args: Any) -> None:
        time.sleep(0.15)
        advance(*args)

    chosen = [desk.recorder() for _ in range(4)]
    desk.tick("100")
    desk.alert_all(chosen, BUY)
    monkeypatch.setattr(database, "_SAY_SOMETHING_EVERY_SECONDS", 0.1)
    monkeypatch.setattr(RecorderFold, "advance", slowly)
    with desk.engine.connect() as connection:
        url = connection.engine.url.render_as_string(hide_password=False)
    monkeypatch.setattr(database, "_IDLE_IN_TRANSACTION_MS", 400)
    impatient = database.connect_database(url, application="tests")
    assert catch_up_module.catch_up(impatient, desk.redis, [each.id for each in chosen]) == 4
    impatient.dispose()


class TestBeginningOfALog:
    @pytest.mark.parametrize("earlier", [(), ("7000", "7001")])
    def test_a_position_that_was_open_before_its_symbols_first_tick_missed_the_time_until_then(
        self, desk: Desk, earlier: tuple[str, ...]
    ) -> None:
        desk.tick(*earlier, symbol="MES1!")
        recorder = desk.recorder()
        desk.alert(recorder, BUY | {"price": "100"})
        desk.catch_up()
        entered_at = desk.now
        desk.now += 7 * SECOND
        desk.tick("99")
        missed = seconds_between(entered_at, desk.now)
        desk.tick("103")
        desk.alert(recorder, BUY)
        desk.tick("98")
        assert_as_replayed(desk)
        position = desk.position(recorder)
        assert (position["gap_seconds"], position["ticks_seen"]) == (missed, 3)
        assert (position["worst_unrealized_pnl"], position["worst_price"]) == (-14, 98)
        assert [trade["gap_seconds"] for trade in desk.trades(recorder)] == [missed, 0]

    def test_its_exits_are_those_of_the_first_tick(self, desk: Desk) -> None:
        recorder = desk.recorder(sl_enabled=True, sl_amount="4")
        desk.alert(recorder, BUY | {"price": "100"})
        entered_at = desk.now
        desk.now += SECOND
        desk.tick("90")
        assert_as_replayed(desk)
        (trade,) = desk.trades(recorder)
        assert (trade["exit_reason"], trade["exit_price"]) == ("sl", 90)
        assert trade["gap_seconds"] == seconds_between(entered_at, desk.now)

    def test_a_log_that_was_lost_under_an_open_position_makes_its_drawdown_a_lower_bound(self, desk: Desk) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        desk.alert(recorder, BUY | {"price": "100"})
        desk.catch_up()
        entered_at = desk.now
        desk.tick("50")  # nobody has counted it
        desk.lose_redis()
        desk.now += 7 * SECOND
        desk.tick("99")
        missed = seconds_between(entered_at, desk.now)
        desk.tick("102")
        desk.alert(recorder, CLOSE)
        desk.tick("40")
        assert_as_replayed(desk)
        (trade,) = desk.trades(recorder)
        assert (trade["max_adverse"], trade["max_favorable"], trade["pnl"], trade["ticks_seen"]) == (-2, 4, 4, 2)
        assert trade["gap_seconds"] == desk.position(recorder)["gap_seconds"] == missed
        shown = drawdown_cell(trade["max_adverse"], ticks_seen=trade["ticks_seen"], gap_seconds=trade["gap_seconds"])
        assert shown.text == f"{AT_LEAST}$2.00"

    def test_what_was_counted_before_the_log_was_lost_stays(self, desk: Desk) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        desk.alert(recorder, BUY)
        desk.tick("90", "104")
        desk.settle()
        desk.lose_redis()
        desk.tick("99")
        desk.settle()
        row = desk.position(recorder)
        assert (row["worst_unrealized_pnl"], row["best_unrealized_pnl"], row["ticks_seen"]) == (-20, 8, 3)
        assert row["gap_seconds"] > 0

    def test_a_log_that_begins_before_the_entry_costs_it_nothing(self, desk: Desk) -> None:
        desk.tick("100")
        desk.lose_redis()
        desk.tick("100")
        recorder = desk.recorder()
        desk.alert(recorder, BUY)
        desk.tick("99")
        assert_as_replayed(desk)
        assert desk.position(recorder)["gap_seconds"] == 0


def seconds_between(earlier: int, later: int) -> Decimal:
    return Decimal(later - earlier) / SECOND


class TestCost:
    def test_what_nothing_concerns_is_neither_read_nor_waited_for(self, desk: Desk) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        desk.tick("50", symbol="MES1!")
        for symbol in ("MNQ1!", "MES1!"):
            desk.alert(recorder, BUY | {"ticker": symbol})
        desk.catch_up()
        places = {each["ticker"]: each["place"] for each in desk.positions(recorder)}
        end = desk.tick("99")
        with rival_transaction(desk.engine) as rival:
            rival.execute(text("SELECT 1 FROM recorder_positions WHERE ticker = 'MES1!' FOR UPDATE"))
            desk.catch_up(through={"MNQ1!": end})
        moved = {each["ticker"]: each["place"] for each in desk.positions(recorder)}
        assert moved == places | {"MNQ1!": end}

    def test_500_recorders_are_caught_up_in_a_few_statements(self, desk: Desk) -> None:
        desk.many_recorders(500)
        desk.tick("100")
        desk.alert_all(desk.recorders, BUY)
        desk.tick("101", "99")
        desk.alert_all(desk.recorders[::2], CLOSE)
        with counted_statements(desk.engine) as statements:
            assert desk.catch_up() == 750
        assert len(statements) < 20 * 3, statements  # as many transactions
        assert pending_count(desk.engine) == 0


@contextmanager
def counted_statements(engine: Engine) -> Iterator[list[str]]:
    """Collect every statement that is executed meanwhile, one that is executed for many rows once."""
    statements: list[str] = []

    def collect(*arguments: Any) -> None:
        statements.append(" ".join(str(arguments[2]).split())[:80])

    event.listen(engine, "before_cursor_execute", collect)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", collect)


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=25)
@given(scenario=scenarios(), data=st.data())
def test_whoever_catches_up_whenever_the_rows_are_those_of_the_replay(
    engine: Engine, redis_client: Redis, scenario: Scenario, data: st.DataObject
) -> None:
    """Signals become visible late, workers come at any moment with any subset, and the logs decide all the same."""
    redis_client.flushall()
    desk = empty_desk(engine, redis_client)
    desk.now = SCENARIOS_START
    for symbol, facts in scenario.contracts.items():
        desk.contract(own_contract(symbol, facts))
    for stated in scenario.recorders:
        note(str(stated))
        own = stated["contract"]
        desk.recorder(own, **{name: value for name, value in stated.items() if name != "contract"})
    waiting = list(scenario.signals)
    accepted: list[tuple[Recorder, str, int]] = []
    corrector = Corrector(desk, data)
    for entry in [None, *scenario.ticks]:
        append(desk, entry)
        while waiting and waiting[0].place <= (entry.place if entry else 0):
            signal = waiting.pop(0)
            recorder = next(each for each in desk.recorders if each.name == signal.recorder)
            accepted.append((recorder, json.dumps(body_of(signal)), last_place(redis_client)))
        while accepted and data.draw(st.booleans()):
            store_if_it_is_one(desk, *accepted.pop(0))
        if data.draw(st.integers(0, 7)) == 0:
            corrector.void_something()
        if data.draw(st.integers(0, 3)) == 0:
            some = data.draw(st.lists(st.sampled_from(desk.recorders), min_size=1, unique_by=lambda each: each.id))
            through = data.draw(st.sampled_from([{}, dict.fromkeys(scenario.contracts, last_place(redis_client))]))
            desk.catch_up(*some, through=through)
    for recorder, body, place in accepted:
        store_if_it_is_one(desk, recorder, body, place)
    if data.draw(st.booleans()):
        corrector.void_something()
    assert_as_replayed(desk)
    assert audit_differences(desk) == []


class Corrector:
    """Voids signals, ticks and corrections as chance has it."""

    def __init__(self, desk: Desk, data: st.DataObject) -> None:
        self._desk, self._data = desk, data

    def void_something(self) -> None:
        recorder = self._data.draw(st.sampled_from(self._desk.recorders))
        signals = [each["id"] for each in self._desk.signals(recorder)]
        symbol = self._data.draw(st.sampled_from(sorted(read_heads(self._desk.redis).ticks) or ["MNQ1!"]))
        ticks = [each.place for each in read_entries(self._desk.redis, symbol, after=0) if isinstance(each, PriceTick)]
        if ticks and self._data.draw(st.booleans()):
            self._desk.void(recorder, tick=self._data.draw(st.sampled_from(ticks)), symbol=symbol)
        elif signals:
            self._desk.void(recorder, self._data.draw(st.sampled_from(signals)))


def append(desk: Desk, entry: LogEntry | None) -> None:
    if entry:
        desk.now = max(desk.now, entry.occurred_at // 1000 * 1000)  # sources of live prices tell microseconds
    if isinstance(entry, GapMark):
        desk.publisher.mark_gap(entry.symbol, entry.gap_seconds, desk.now)
    elif isinstance(entry, RollMark):
        desk.roll(str(entry.difference), symbol=entry.symbol)
    elif entry:
        desk.publisher.publish(entry.symbol, entry.price, desk.now)


def store_if_it_is_one(desk: Desk, recorder: Recorder, body: str, place: int) -> None:
    with suppress(SignalRefused):  # intake refuses these
        desk.alert(recorder, body, place=place)


def own_contract(symbol: str, facts: ScriptedContract) -> Contract:
    return Contract(
        root=symbol.removesuffix("1!"),
        kind="future",
        exchange="OWN",
        name=symbol,
        tick_size=facts.tick_size,
        multiplier=facts.multiplier,
        currency="USD",
    )
