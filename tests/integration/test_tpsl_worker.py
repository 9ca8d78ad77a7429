"""The monitor of open positions: exits at once, extremes in batches, and no fault that costs a tick or an exit."""

import itertools
import signal
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisUnreachable
from sqlalchemy import Engine, NullPool, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError

from services.tpsl_worker import flushes as flushes_module
from services.tpsl_worker import monitor as monitor_module
from services.tpsl_worker import share as share_module
from services.tpsl_worker.flushes import FlushTimes
from services.tpsl_worker.monitor import FORGET_EVERY_SECONDS, POSTPONED_SECONDS, RECONCILE_EVERY_SECONDS, Monitor
from services.tpsl_worker.share import SymbolShare
from shared.bus import log_tape
from shared.bus.heartbeat import read_heartbeats
from shared.bus.tick_log import stream_of
from shared.bus.tick_subscription import TickSubscription
from shared.bus.waiting_bodies import WAITING
from shared.catch_up import RECORDERS_A_TRANSACTION
from shared.catching_up import told, written_folds
from shared.domain.places import SEQUENCE_BITS, stream_id
from shared.domain.ticks import LogEntry
from shared.domain.timestamps import to_datetime
from shared.settings import Settings
from shared.store import symbol_leases
from shared.store.symbol_leases import SymbolLeases
from tests.trading import Desk, Recorder, assert_as_replayed, rival_transaction, running_part, wait_until

BUY, CLOSE = {"action": "buy"}, {"action": "close"}
STOP = {"sl_enabled": True, "sl_amount": "4"}
TARGET = {"tp_targets": [{"value": "4"}]}


class Clock:
    """A monotonic clock that stands still unless a test moves it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def start(desk: Desk, redis_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Monitor]]:
    """Start monitors that flush in every turn, up to the newest tick, and hardly wait."""
    monkeypatch.setattr(monitor_module, "LONGEST_WAIT_SECONDS", 0.005)
    started = []

    def start() -> Monitor:
        times = FlushTimes(interval=0, margin=0)
        started.append(Monitor(desk.engine, desk.redis, redis_url, flush_times=times, clock=clock))
        started[-1].turn()
        return started[-1]

    yield start
    for monitor in started:
        monitor.close()


@pytest.fixture
def monitor(start: Callable[[], Monitor]) -> Monitor:
    return start()


def turn_until(monitor: Monitor, happened: Callable[[], object]) -> None:
    def looked() -> object:
        monitor.turn()
        return happened()

    wait_until(looked)


def fall_behind(patch: pytest.MonkeyPatch) -> None:
    """Have more ticks wait whenever some are taken."""
    take = TickSubscription.next_batch

    def leave_some(ticks: TickSubscription, timeout: float) -> list[LogEntry]:
        batch = take(ticks, timeout)
        ticks.more_wait = True
        return batch

    patch.setattr(TickSubscription, "next_batch", leave_some)


def opened(desk: Desk, body: dict[str, str] = BUY, **settings: Any) -> Recorder:
    """Open a position at the last tick, and tell the monitor."""
    recorder = desk.recorder(**settings)
    desk.alert(recorder, body)
    desk.catch_up(recorder)
    return recorder


def is_closed(desk: Desk, recorder: Recorder) -> bool:
    return all(each["status"] == "closed" for each in desk.positions(recorder))


class TestExits:
    def test_stops_and_targets_close_their_positions_at_the_tick_that_reaches_them(
        self, desk: Desk, monitor: Monitor
    ) -> None:
        desk.tick("100")
        stopped, taken, untouched = opened(desk, **STOP), opened(desk, **TARGET), opened(desk, sl_enabled=False)
        turn_until(monitor, lambda: monitor.positions == 3)
        desk.tick("100.50", "101.25", "98.50", "100")
        turn_until(monitor, lambda: is_closed(desk, stopped) and is_closed(desk, taken))
        rows = [desk.trades(each)[0] for each in (stopped, taken)]
        assert [(t["exit_reason"], t["exit_price"], t["ticks_seen"]) for t in rows] == [
            ("sl", Decimal("98.50"), 3),
            ("tp", 101, 2),
        ]
        turn_until(monitor, lambda: monitor.positions == 1)
        assert not is_closed(desk, untouched)
        assert_as_replayed(desk)

    def test_a_level_that_was_passed_before_the_entry_is_executed_at_the_next_tick(
        self, desk: Desk, monitor: Monitor
    ) -> None:
        desk.tick("98")
        recorder = opened(desk, BUY | {"price": "100"}, **STOP)
        turn_until(monitor, lambda: monitor.positions == 1)
        desk.tick("105")
        turn_until(monitor, lambda: is_closed(desk, recorder))
        assert desk.trades(recorder)[0]["exit_price"] == 105
        assert_as_replayed(desk)

    def test_stops_that_move_do_so_without_a_fold_and_stop_where_the_best_price_took_them(
        self, desk: Desk, monitor: Monitor
    ) -> None:
        desk.tick("100")
        trail = {"sl_type": "Trail", "sl_enabled": True, "sl_amount": "8"}
        trailing, even = opened(desk, **trail), opened(desk, break_even_enabled=True, break_even_ticks=4)
        turn_until(monitor, lambda: monitor.positions == 2)
        versions = [desk.position(each)["version"] for each in (trailing, even)]
        desk.tick("99", "101", "103", "104.50")
        turn_until(monitor, lambda: desk.position(trailing)["best_since_entry"] == Decimal("104.50"))
        assert [desk.position(each)["version"] for each in (trailing, even)] == versions
        desk.tick("102.75")
        desk.tick("102.50", "100")
        turn_until(monitor, lambda: is_closed(desk, trailing) and is_closed(desk, even))
        rows = [desk.trades(each)[0] for each in (trailing, even)]
        assert [(row["exit_reason"], row["exit_price"]) for row in rows] == [
            ("trail", Decimal("102.50")),
            ("break_even", 100),
        ]
        assert_as_replayed(desk)

    def test_averaging_down_and_the_end_of_the_session_need_no_signal(self, desk: Desk, monitor: Monitor) -> None:
        desk.tick("100")
        adds = {"avg_down_enabled": True, "avg_down_amount": 1, "avg_down_point": "4", "max_contracts": 2}
        recorder = opened(desk, **adds)
        clock = (to_datetime(desk.now) + timedelta(minutes=1)).strftime("%H:%M")
        ending = opened(desk, session_end=clock, timezone="UTC")
        turn_until(monitor, lambda: monitor.positions == 2)
        desk.tick("99", "98")
        turn_until(monitor, lambda: len(desk.trades(recorder)) == 2)
        assert desk.trades(recorder)[1]["signal_id"] is None
        desk.now += 60_000_000_000
        desk.tick("98.50")
        turn_until(monitor, lambda: is_closed(desk, ending))
        assert desk.trades(ending)[0]["exit_reason"] == "session_end"
        desk.settle()
        assert_as_replayed(desk)

    def test_a_roll_takes_open_positions_to_the_other_contract(self, desk: Desk, monitor: Monitor) -> None:
        desk.tick("100")
        recorder, trailing = opened(desk, **STOP), opened(desk, sl_type="Trail", sl_enabled=True, sl_amount="8")
        turn_until(monitor, lambda: monitor.positions == 2)
        desk.tick("101")
        desk.roll("-50")
        desk.tick("51", "50.75")
        turn_until(monitor, lambda: desk.position(recorder)["rolled"] == -50)
        (row,) = desk.trades(recorder)
        assert (row["entry_price"], row["rolled"], row["status"]) == (50, -50, "open")
        desk.tick("49", "48")
        turn_until(monitor, lambda: is_closed(desk, recorder) and is_closed(desk, trailing))
        assert [desk.trades(each)[0]["exit_price"] for each in (recorder, trailing)] == [49, 49]
        assert_as_replayed(desk)

    def test_target_by_target_a_position_is_taken_apart(self, desk: Desk, monitor: Monitor) -> None:
        desk.tick("100")
        targets = [{"value": "4", "trim": 1}, {"value": "8", "trim": 1}, {"value": "40"}]
        recorder = opened(desk, initial_position_size=4, tp_targets=targets)
        for price, trades in (("101", 2), ("100", 2), ("102", 3), ("99", 3), ("110", 3)):
            desk.tick(price)
            turn_until(monitor, lambda count=trades: len(desk.trades(recorder)) == count)
        turn_until(monitor, lambda: is_closed(desk, recorder))
        assert_as_replayed(desk)

    def test_pending_signals_come_first_where_they_are_first(self, desk: Desk, monitor: Monitor) -> None:
        desk.tick("100")
        recorder = opened(desk, **STOP)
        turn_until(monitor, lambda: monitor.positions == 1)
        desk.tick("100.50")
        desk.alert(recorder, CLOSE)
        desk.tick("90")
        turn_until(monitor, lambda: is_closed(desk, recorder))
        assert desk.trades(recorder)[0]["exit_reason"] == "signal"
        assert_as_replayed(desk)

    def test_who_is_busy_stays_due_and_keeps_nobody(self, desk: Desk, monitor: Monitor) -> None:
        desk.tick("100")
        busy, free = opened(desk, **STOP), opened(desk, **STOP)
        turn_until(monitor, lambda: monitor.positions == 2)
        with rival_transaction(desk.engine) as rival:
            rival.execute(text("SELECT 1 FROM recorders WHERE id = :id FOR NO KEY UPDATE"), {"id": busy.id})
            desk.tick("90", "100")
            turn_until(monitor, lambda: is_closed(desk, free))
        assert not is_closed(desk, busy)
        turn_until(monitor, lambda: is_closed(desk, busy))
        assert [desk.trades(each)[0]["exit_price"] for each in (busy, free)] == [90, 90]

    def test_one_tick_that_stops_2000_positions_is_a_few_transactions(self, desk: Desk, monitor: Monitor) -> None:
        desk.many_recorders(2000, **STOP)
        desk.tick("100")
        desk.alert_all(desk.recorders, BUY | {"sl_ticks": 4})
        desk.catch_up()
        turn_until(monitor, lambda: monitor.positions == 2000)
        desk.tick("90")
        with counted_transactions(desk.engine) as transactions:
            turn_until(monitor, lambda: monitor.positions == 0)
        assert len(transactions) <= 2 * 2000 / RECORDERS_A_TRANSACTION + 10
        with desk.engine.connect() as connection:
            found = connection.execute(text("SELECT DISTINCT status, exit_reason, exit_price FROM recorded_trades"))
            assert [tuple(row) for row in found] == [("closed", "sl", 90)]


@contextmanager
def counted_transactions(engine: Engine) -> Iterator[list[float]]:
    """Collect the moments at which a transaction began meanwhile."""
    moments: list[float] = []

    def collect(_: object) -> None:
        moments.append(time.monotonic())

    event.listen(engine, "begin", collect)
    try:
        yield moments
    finally:
        event.remove(engine, "begin", collect)


class TestLearning:
    def test_an_announcement_tells_of_a_position_at_once(self, desk: Desk, monitor: Monitor) -> None:
        desk.tick("100")
        recorder = opened(desk)
        turn_until(monitor, lambda: monitor.positions == 1)
        desk.alert(recorder, CLOSE)
        desk.catch_up()
        turn_until(monitor, lambda: monitor.positions == 0)

    def test_without_announcements_reconciling_finds_what_opened_changed_and_closed(
        self, desk: Desk, monitor: Monitor, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.tick("100")
        opened(desk)
        turn_until(monitor, lambda: monitor.positions == 1)
        monkeypatch.setattr(told, "announce_positions", lambda *_: None)
        changed, closed = opened(desk, **STOP), opened(desk)
        monitor.turn()
        assert monitor.positions == 1
        clock.seconds += RECONCILE_EVERY_SECONDS
        monitor.turn()
        assert monitor.positions == 3
        desk.alert(changed, BUY | {"sl_ticks": 40})
        desk.alert(closed, CLOSE)
        desk.catch_up()
        clock.seconds += RECONCILE_EVERY_SECONDS
        monitor.turn()
        assert monitor.positions == 2
        desk.tick("91")
        clock.seconds += 3
        turn_until(monitor, lambda: desk.position(changed)["worst_unrealized_pnl"] == -36)
        assert not is_closed(desk, changed)

    def test_who_has_fallen_behind_compares_later_but_does_compare(
        self, desk: Desk, monitor: Monitor, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.tick("100")
        opened(desk)
        turn_until(monitor, lambda: monitor.positions == 1)
        monkeypatch.setattr(told, "announce_positions", lambda *_: None)
        opened(desk)
        clock.seconds += RECONCILE_EVERY_SECONDS - POSTPONED_SECONDS
        monitor.turn()
        fall_behind(monkeypatch)
        clock.seconds += POSTPONED_SECONDS / 2
        monitor.turn()
        clock.seconds += POSTPONED_SECONDS / 2 - 0.01
        for _ in range(5):
            monitor.turn()
        assert monitor.positions == 1
        clock.seconds += 0.01
        turn_until(monitor, lambda: monitor.positions == 2)

    def test_a_position_that_is_announced_late_has_missed_nothing(
        self, desk: Desk, monitor: Monitor, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.tick("100")
        opened(desk)
        turn_until(monitor, lambda: monitor.positions == 1)
        monkeypatch.setattr(told, "announce_positions", lambda *_: None)
        late = opened(desk, **STOP)
        desk.tick("100.50", "99", "100")
        turn_until(monitor, lambda: desk.position(desk.recorders[0])["worst_unrealized_pnl"] == -2)
        clock.seconds += RECONCILE_EVERY_SECONDS
        turn_until(monitor, lambda: is_closed(desk, late))
        assert desk.trades(late)[0]["exit_price"] == 99
        assert_as_replayed(desk)

    def test_a_symbol_without_positions_is_forgotten_and_may_come_back(
        self, desk: Desk, monitor: Monitor, clock: Clock
    ) -> None:
        for _ in range(2):
            desk.tick("100")
            recorder = opened(desk, **STOP)
            turn_until(monitor, lambda: monitor.positions == 1)
            assert monitor.symbols == 1
            desk.tick("90")
            turn_until(monitor, lambda: monitor.positions == 0)
            clock.seconds += FORGET_EVERY_SECONDS
            turn_until(monitor, lambda: monitor.symbols == 0)
            desk.tick("95", "105")
        assert desk.trades(recorder)[0]["ticks_seen"] == 1
        assert_as_replayed(desk)

    def test_a_recorder_that_is_deleted_is_let_go_of(self, desk: Desk, monitor: Monitor) -> None:
        desk.tick("100")
        recorder = opened(desk, **STOP)
        turn_until(monitor, lambda: monitor.positions == 1)
        with desk.engine.begin() as connection:
            connection.execute(text("DELETE FROM recorders WHERE id = :id"), {"id": recorder.id})
        desk.tick("90")
        turn_until(monitor, lambda: monitor.positions == 0)


class TestFlushing:
    def test_extremes_reach_the_rows_and_the_rest_follows_by_itself(
        self, desk: Desk, monitor: Monitor, clock: Clock
    ) -> None:
        desk.tick("100")
        recorder = opened(desk)
        desk.tick("90", "104")
        turn_until(monitor, lambda: desk.position(recorder)["ticks_seen"] == 2)
        row = desk.position(recorder)
        assert (row["worst_unrealized_pnl"], row["best_unrealized_pnl"], row["version"]) == (-20, 8, 1)
        end = desk.tick("95")
        clock.seconds += 30
        turn_until(monitor, lambda: desk.position(recorder)["place"] == end)
        assert_as_replayed(desk)

    def test_nothing_is_written_beyond_an_alert_that_waits_for_postgres(self, desk: Desk, monitor: Monitor) -> None:
        desk.tick("100")
        recorder = opened(desk)
        turn_until(monitor, lambda: monitor.positions == 1)
        desk.redis.xadd(WAITING, {"an": "alert"})
        desk.tick("90")
        for _ in range(20):
            monitor.turn()
        assert desk.position(recorder)["worst_unrealized_pnl"] == 0
        desk.redis.delete(WAITING)
        turn_until(monitor, lambda: desk.position(recorder)["worst_unrealized_pnl"] == -20)

    def test_who_has_fallen_behind_takes_ticks_first_but_not_for_ever(
        self, desk: Desk, monitor: Monitor, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.tick("100")
        recorder = opened(desk)
        turn_until(monitor, lambda: monitor.positions == 1)
        with monkeypatch.context() as patch:
            fall_behind(patch)
            desk.tick("90")
            for _ in range(20):
                monitor.turn()
            assert desk.position(recorder)["worst_unrealized_pnl"] == 0
            clock.seconds += POSTPONED_SECONDS
            turn_until(monitor, lambda: desk.position(recorder)["worst_unrealized_pnl"] == -20)

    def test_what_could_not_be_written_is_written_though_the_symbol_falls_quiet(
        self, desk: Desk, monitor: Monitor
    ) -> None:
        desk.tick("100")
        recorder = opened(desk)
        turn_until(monitor, lambda: monitor.positions == 1)
        with rival_transaction(desk.engine) as rival:
            rival.execute(text("SELECT 1 FROM recorder_positions FOR NO KEY UPDATE"))
            desk.tick("90")
            for _ in range(10):
                monitor.turn()
            assert desk.position(recorder)["worst_unrealized_pnl"] == 0
        turn_until(monitor, lambda: desk.position(recorder)["worst_unrealized_pnl"] == -20)

    def test_a_gap_mark_reaches_the_position_though_no_tick_follows(
        self, desk: Desk, monitor: Monitor, clock: Clock
    ) -> None:
        desk.tick("100")
        recorder = opened(desk)
        turn_until(monitor, lambda: monitor.positions == 1)
        desk.now += 10**10
        desk.gap("7.5")
        clock.seconds += 30
        turn_until(monitor, lambda: desk.position(recorder)["gap_seconds"] == Decimal("7.5"))
        assert_as_replayed(desk)


class TestFaults:
    @pytest.mark.parametrize(
        ("module", "name", "error"),
        [
            (monitor_module, "catch_up", OperationalError("statement", {}, Exception("away"))),
            (monitor_module, "load_positions", OperationalError("statement", {}, Exception("away"))),
            (flushes_module, "flush_positions", OperationalError("statement", {}, Exception("away"))),
            (written_folds, "record_outcomes", OperationalError("statement", {}, Exception("away"))),
            (log_tape, "trimmed_through", RedisUnreachable("away")),
        ],
    )
    def test_a_server_that_goes_away_in_the_middle_of_a_turn_costs_nothing(
        self, desk: Desk, monitor: Monitor, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, error: Exception
    ) -> None:
        desk.tick("100")
        stopped, kept = opened(desk, **STOP), opened(desk)
        turn_until(monitor, lambda: monitor.positions == 2)
        desk.tick("99.50", "98", "100")
        failures = []

        def fail(*_: Any, **__: Any) -> Any:
            failures.append(name)
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(module, name, fail)
            with pytest.raises(type(error)):
                turn_until(monitor, lambda: False)
        assert failures
        turn_until(monitor, lambda: is_closed(desk, stopped))
        turn_until(monitor, lambda: desk.position(kept)["worst_unrealized_pnl"] == -4)
        assert desk.trades(stopped)[0]["exit_price"] == 98
        assert_as_replayed(desk)

    def test_who_starts_finds_open_positions_and_the_ticks_that_nobody_watched(
        self, desk: Desk, start: Callable[[], Monitor]
    ) -> None:
        desk.tick("100")
        stopped, taken, kept = opened(desk, **STOP), opened(desk, **TARGET), opened(desk)
        desk.tick("99.25", "98", "103", "100.25")
        monitor = start()
        turn_until(monitor, lambda: is_closed(desk, stopped) and is_closed(desk, taken))
        turn_until(monitor, lambda: desk.position(kept)["ticks_seen"] == 4)
        assert [desk.trades(each)[0]["exit_price"] for each in (stopped, taken)] == [98, 101]
        assert_as_replayed(desk)

    def test_ticks_that_the_log_lost_while_nobody_watched_are_a_gap(
        self, desk: Desk, start: Callable[[], Monitor]
    ) -> None:
        place = desk.tick("100")
        recorder = opened(desk)
        lost = desk.tick("50")
        while lost >> SEQUENCE_BITS == place >> SEQUENCE_BITS:
            lost = desk.tick("50")
        lose_log(desk, lost)
        desk.now += 10**10
        desk.tick("99", "101")
        monitor = start()
        turn_until(monitor, lambda: desk.position(recorder)["ticks_seen"] == 2)
        row = desk.position(recorder)
        assert row["gap_seconds"] == Decimal((lost >> SEQUENCE_BITS) - (place >> SEQUENCE_BITS)).scaleb(-3)
        assert row["worst_unrealized_pnl"] == -2

    def test_ticks_that_the_log_lost_while_the_worker_slept_are_a_gap(self, desk: Desk, monitor: Monitor) -> None:
        desk.tick("100")
        recorder = opened(desk)
        turn_until(monitor, lambda: monitor.positions == 1)
        monitor._ticks._hang_up()
        time.sleep(0.005)
        lost = desk.tick("50", "60")
        lose_log(desk, lost)
        desk.now += 10**10
        desk.tick("99")
        turn_until(monitor, lambda: desk.position(recorder)["ticks_seen"] > 0)
        row = desk.position(recorder)
        assert (row["ticks_seen"], row["worst_unrealized_pnl"]) == (1, -2)
        assert row["gap_seconds"] > 0

    @pytest.mark.parametrize("is_cut_off", [False, True])
    def test_a_redis_that_lost_its_data_leaves_a_gap_and_everything_later_counts(
        self, desk: Desk, monitor: Monitor, clock: Clock, *, is_cut_off: bool
    ) -> None:
        desk.tick("100")
        stopped, kept = opened(desk, sl_enabled=True, sl_amount="80"), opened(desk)
        turn_until(monitor, lambda: monitor.positions == 2)
        desk.tick("95")
        turn_until(monitor, lambda: desk.position(kept)["ticks_seen"] == 1)
        if is_cut_off:
            monitor._ticks._hang_up()
        desk.lose_redis()
        desk.now += 10**10
        desk.tick("101")
        clock.seconds += 30
        turn_until(monitor, lambda: desk.position(kept)["gap_seconds"] > 10)
        desk.tick("79", "85", "102")
        turn_until(monitor, lambda: is_closed(desk, stopped))
        turn_until(monitor, lambda: desk.position(kept)["ticks_seen"] == 5)
        row, (trade,) = desk.position(kept), desk.trades(stopped)
        assert (row["worst_unrealized_pnl"], row["best_unrealized_pnl"]) == (-42, 4)
        assert (trade["exit_price"], trade["ticks_seen"], trade["gap_seconds"] > 10) == (79, 3, True)

    def test_who_starts_after_redis_lost_its_data_counts_the_gap_and_what_is_there(
        self, desk: Desk, start: Callable[[], Monitor]
    ) -> None:
        desk.tick("100")
        recorder = opened(desk, BUY | {"price": "100"})
        entered_at = desk.now
        desk.tick("50")
        desk.lose_redis()
        desk.now += 10**10
        desk.tick("99")
        missed = Decimal(desk.now - entered_at).scaleb(-9)
        desk.tick("101")
        monitor = start()
        turn_until(monitor, lambda: desk.position(recorder)["ticks_seen"] == 2)
        assert desk.position(recorder)["gap_seconds"] == missed
        assert_as_replayed(desk)

    def test_a_position_that_was_open_before_its_symbols_first_tick_missed_the_time_until_then(
        self, desk: Desk, monitor: Monitor
    ) -> None:
        stopped, kept = opened(desk, BUY | {"price": "100"}, **STOP), opened(desk, BUY | {"price": "100"})
        entered_at = desk.now
        turn_until(monitor, lambda: monitor.positions == 2)
        desk.now += 10**10
        desk.tick("99")
        missed = Decimal(desk.now - entered_at).scaleb(-9)
        desk.tick("103")
        turn_until(monitor, lambda: is_closed(desk, stopped))
        turn_until(monitor, lambda: desk.position(kept)["ticks_seen"] == 2)
        assert desk.position(kept)["gap_seconds"] == missed
        assert_as_replayed(desk)

    def test_two_monitors_of_one_symbol_do_each_others_work_once(
        self, desk: Desk, start: Callable[[], Monitor], clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(monitor_module, "SymbolShare", EverySymbol)
        monitors = [start(), start()]
        ended = Event()
        with ThreadPoolExecutor(3) as pool:
            watching = [pool.submit(watch, each, ended) for each in monitors]
            with ExitStack() as last:
                last.callback(ended.set)
                desk.tick("100")
                desk.recorder(**STOP, **TARGET)
                desk.recorder(initial_position_size=2, tp_targets=[{"value": "2", "trim": 1}, {"value": "12"}])
                desk.recorder()
                for price in ("100.25", "99.75", "100.75", "101", "99", "97", "103", "100") * 3:
                    desk.alert_all(desk.recorders, BUY)
                    desk.catch_up()
                    desk.tick(price)
                    clock.seconds += 1
            for each in watching:
                each.result()
        assert_as_replayed(desk)


class EverySymbol(SymbolShare):
    """The share of a worker that thinks it has everything, like one that was stopped and goes on."""

    def _beat(self, followed: Collection[str]) -> None:
        self.own = frozenset({"MNQ1!", *followed})


def watch(monitor: Monitor, ended: Event) -> None:
    while not ended.is_set():
        monitor.turn()


def lose_log(desk: Desk, through: int) -> None:
    """Trim the log as retention does."""
    first_kept = stream_id(through + 1)
    desk.redis.xtrim(stream_of("MNQ1!"), minid=first_kept, approximate=False)
    desk.redis.hset("ticks:heads", "MNQ1!:trimmed", stream_id(through))


class TestProcess:
    def test_killed_with_positions_open_it_goes_on_where_the_rows_are(
        self, desk: Desk, settings: Settings, reachable: Path
    ) -> None:
        desk.tick("100")
        chosen = [opened(desk, sl_enabled=True, sl_amount=str(ticks)) for ticks in (4, 8, 12, 400)]
        with running_part("tpsl-worker", settings, reachable / "killed.log") as killed:
            desk.tick("99.50")
            wait_until(lambda: desk.position(chosen[3])["ticks_seen"] == 1)
            desk.tick("98.75", "100")
            wait_until(lambda: is_closed(desk, chosen[0]))
            killed.kill()
            killed.wait()
        desk.tick("97.50", "101", "100")
        assert [is_closed(desk, each) for each in chosen] == [True, False, False, False]
        with running_part("tpsl-worker", settings, reachable / "next.log"):
            wait_until(lambda: is_closed(desk, chosen[1]))
            assert any(beat.service == "tpsl_worker" for beat in read_heartbeats(desk.redis))
            desk.tick("96.75")
            wait_until(lambda: is_closed(desk, chosen[2]))
            wait_until(lambda: desk.position(chosen[3])["ticks_seen"] == 7)
        assert [desk.trades(each)[0]["exit_price"] for each in chosen[:3]] == [
            Decimal("98.75"),
            Decimal("97.50"),
            Decimal("96.75"),
        ]
        assert_as_replayed(desk)

    @pytest.mark.parametrize(("fault", "seconds"), [(signal.SIGKILL, 5.0), (signal.SIGSTOP, 8.0)])
    def test_killed_or_stopped_its_symbols_are_taken_over(
        self, desk: Desk, settings: Settings, reachable: Path, fault: signal.Signals, seconds: float
    ) -> None:
        recorders = opened_in_each_symbol(desk, **STOP)
        log = reachable / "workers.log"
        with running_part("tpsl-worker", settings, log) as one, running_part("tpsl-worker", settings, log):
            wait_until(lambda: watched(desk) == [2, 2])
            one.send_signal(fault)
            for symbol in SYMBOLS:
                desk.tick("90", symbol=symbol)
            wait_until(lambda: all_closed(desk, recorders), within_seconds=seconds)
            one.send_signal(signal.SIGCONT)
            again = opened_in_each_symbol(desk, **TARGET)
            for symbol in SYMBOLS:
                desk.tick("99", "110", symbol=symbol)
            wait_until(lambda: all_closed(desk, again))
            if fault == signal.SIGSTOP:
                opened_in_each_symbol(desk)
                wait_until(lambda: watched(desk) == [2, 2])
        assert_as_replayed(desk)

    def test_a_replica_that_is_added_while_ticks_flow_misses_none(
        self, desk: Desk, settings: Settings, reachable: Path
    ) -> None:
        recorders = opened_in_each_symbol(desk)
        log = reachable / "workers.log"
        ended, prices = Event(), itertools.cycle(["101", "99.25", "100.50", "98", "102"])
        with ThreadPoolExecutor(1) as pool, running_part("tpsl-worker", settings, log):
            flowing = pool.submit(tick_until, ended, desk, prices)
            try:
                wait_until(lambda: watched(desk) == [4])
                with running_part("tpsl-worker", settings, log):
                    wait_until(lambda: watched(desk) == [2, 2])
                    ended.set()
                    ticks = flowing.result()
                    assert ticks > 100
                    wait_until(lambda: [desk.position(each)["ticks_seen"] for each in recorders] == [ticks] * 4)
            finally:
                ended.set()
        assert_as_replayed(desk)

    def test_while_postgres_is_away_it_waits_and_then_goes_on(
        self, desk: Desk, settings: Settings, reachable: Path
    ) -> None:
        recorders = opened_in_each_symbol(desk, **STOP)
        with running_part("tpsl-worker", settings, reachable / "worker.log") as worker:
            wait_until(lambda: watched(desk) == [4])
            with nobody_may_connect(settings.database_url):
                for symbol in SYMBOLS:
                    desk.tick("90", "100", symbol=symbol)
                time.sleep(1.0)
            wait_until(lambda: all_closed(desk, recorders))
            opened_in_each_symbol(desk)
            wait_until(lambda: watched(desk) == [4])
            assert worker.poll() is None
        assert_as_replayed(desk)


def watched(desk: Desk) -> list[object]:
    """How many positions each worker watches that has as many symbols."""
    facts = [beat.facts for beat in read_heartbeats(desk.redis)]
    return [each["positions"] for each in facts if each["positions"] == each["symbols"]]


def tick_until(ended: Event, desk: Desk, prices: Iterator[str]) -> int:
    """Append a tick to each symbol, again and again; how many each symbol had."""
    for count in itertools.count(1):
        price = next(prices)
        for symbol in SYMBOLS:
            desk.tick(price, symbol=symbol)
        if ended.wait(0.004):
            return count
    raise AssertionError


@contextmanager
def nobody_may_connect(database_url: str) -> Iterator[None]:
    """End every session of a database, and let nobody in until the block ends."""
    url = make_url(database_url)
    server = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
    sessions = text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :name")
    try:
        with server.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS false"))
            connection.execute(sessions, {"name": url.database})
        yield
    finally:
        with server.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS true"))


SYMBOLS = ["M2K1!", "MES1!", "MNQ1!", "MYM1!"]


def opened_in_each_symbol(desk: Desk, **settings: Any) -> list[Recorder]:
    for symbol in SYMBOLS:
        desk.tick("100", symbol=symbol)
    return [opened(desk, symbol=symbol, **settings) for symbol in SYMBOLS]


def all_closed(desk: Desk, recorders: Sequence[Recorder]) -> bool:
    return all(is_closed(desk, recorder) for recorder in recorders)


def turn_all_until(monitors: Sequence[Monitor], happened: Callable[[], object]) -> None:
    def looked() -> object:
        for monitor in monitors:
            monitor.turn()
        return happened()

    wait_until(looked)


class TestSharing:
    def test_who_joins_takes_symbols_over_and_nothing_is_watched_twice(
        self, desk: Desk, start: Callable[[], Monitor]
    ) -> None:
        recorders = opened_in_each_symbol(desk, **STOP)
        first = start()
        assert (first.symbols, first.positions) == (4, 4)
        second = start()
        turn_all_until([first, second], lambda: (first.positions, second.positions) == (2, 2))
        assert (first.symbols, second.symbols) == (2, 2)
        for symbol in SYMBOLS:
            desk.tick("90", symbol=symbol)
        turn_all_until([first], lambda: first.positions == 0)
        assert sum(is_closed(desk, each) for each in recorders) == 2
        turn_all_until([second], lambda: all_closed(desk, recorders))
        assert_as_replayed(desk)

    def test_a_symbol_is_watched_by_who_had_it_until_another_has_it(
        self, desk: Desk, start: Callable[[], Monitor], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorders = opened_in_each_symbol(desk, **STOP)
        first = start()
        start()
        monkeypatch.setattr(share_module, "BEAT_EVERY_SECONDS", 60.0)
        turn_until(first, lambda: first.symbols == 2)
        for symbol in SYMBOLS:
            desk.tick("90", symbol=symbol)
        turn_until(first, lambda: all_closed(desk, recorders))

    def test_who_ends_leaves_everything_to_the_others(self, desk: Desk, start: Callable[[], Monitor]) -> None:
        recorders = opened_in_each_symbol(desk)
        first, second = start(), start()
        turn_all_until([first, second], lambda: (first.positions, second.positions) == (2, 2))
        first.close()
        for symbol in SYMBOLS:
            desk.tick("90", "95", symbol=symbol)
        turn_until(second, lambda: second.positions == 4)
        turn_until(second, lambda: all(desk.position(each)["worst_price"] == 90 for each in recorders))
        assert_as_replayed(desk)

    def test_a_position_in_a_symbol_that_nobody_has_is_watched_as_soon_as_it_is_announced(
        self, desk: Desk, start: Callable[[], Monitor], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(share_module, "BEAT_EVERY_SECONDS", 60.0)
        first, second = start(), start()
        opened_in_each_symbol(desk)
        turn_all_until([first, second], lambda: first.positions + second.positions == 4)
        assert (first.positions, second.positions) == (2, 2)

    def test_whoever_has_a_symbol_need_not_look_at_each_announcement_in_it(
        self, desk: Desk, start: Callable[[], Monitor], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(share_module, "BEAT_EVERY_SECONDS", 60.0)
        desk.tick("100")
        opened(desk)
        first, second = start(), start()
        time.sleep(share_module.SOONEST_BEAT_SECONDS)
        looks = []
        monkeypatch.setattr(SymbolShare, "_beat", lambda *_: looks.append(1))
        for _ in range(5):
            opened(desk)
            turn_all_until([first, second], lambda: first.positions == len(desk.recorders))
        assert (second.positions, looks) == (0, [])

    @pytest.mark.parametrize(
        ("module", "work"), [(monitor_module, "load_positions"), (flushes_module, "flush_positions")]
    )
    def test_work_that_takes_long_loses_no_symbol(
        self, desk: Desk, start: Callable[[], Monitor], monkeypatch: pytest.MonkeyPatch, module: Any, work: str
    ) -> None:
        do, join, joined = getattr(module, work), SymbolLeases._join, []

        def slowly(*arguments: Any) -> Any:
            time.sleep(0.35)
            return do(*arguments)

        def counted(leases: SymbolLeases) -> Any:
            joined.append(leases)
            return join(leases)

        # The four pieces together take longer than may pass in silence, each of them a third of it.
        monkeypatch.setattr(symbol_leases, "QUIET_FOR_MS", 1200)
        monkeypatch.setattr(share_module, "BEAT_EVERY_SECONDS", 0.2)
        monkeypatch.setattr(monitor_module, "LOADED_AT_ONCE", 1)
        monkeypatch.setattr(module, work, slowly)
        monkeypatch.setattr(SymbolLeases, "_join", counted)
        recorders = opened_in_each_symbol(desk)
        for symbol in SYMBOLS:
            desk.tick("90", symbol=symbol)
        monitor = start()
        turn_until(monitor, lambda: all(desk.position(each)["worst_price"] == 90 for each in recorders))
        time.sleep(share_module.BEAT_EVERY_SECONDS)
        monitor.turn()
        assert len(joined) == 1


def test_ticks_that_come_while_nothing_is_open_count_for_a_position_that_becomes_known_later(
    desk: Desk, monitor: Monitor
) -> None:
    desk.tick("100")
    first, second = opened(desk), desk.recorder()
    turn_until(monitor, lambda: monitor.positions == 1)
    desk.alert(first, CLOSE)
    desk.catch_up(first)
    turn_until(monitor, lambda: monitor.positions == 0)
    desk.alert(second, BUY)
    desk.tick("95", "97")
    for _ in range(20):
        monitor.turn()
    desk.catch_up(second)
    turn_until(monitor, lambda: monitor.positions == 1)
    desk.tick("96", "101")
    turn_until(monitor, lambda: desk.position(second)["ticks_seen"] == 4)
    assert desk.position(second)["worst_price"] == 95
