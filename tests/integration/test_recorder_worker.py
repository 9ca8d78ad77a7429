"""Recorder workers: every accepted signal is applied once, whatever wakes them, dies or is in their way."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from redis import Redis
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from services.recorder_worker import jobs
from services.recorder_worker.jobs import Connections, apply_accepted_signals, open_connections
from services.recorder_worker.sweep import OVERDUE_SECONDS, sweep
from shared.bus.heartbeat import read_heartbeats
from shared.bus.queues import Queue, connect_queue, wake_recorder_workers
from shared.bus.waiting_bodies import AlertBody, keep_waiting
from shared.catch_up import RECORDERS_A_TRANSACTION
from shared.catch_up import catch_up as catch_up_really
from shared.domain.recorder_settings import parse_recorder_settings
from shared.domain.timestamps import to_datetime
from shared.settings import Settings
from shared.store.recorders import create_recorder
from shared.tokens import TokenCipher, token_hash
from tests.trading import (
    Desk,
    Recorder,
    assert_as_replayed,
    pending_count,
    rival_transaction,
    running_part,
    somebody_waits_for_a_lock,
    wait_until,
)

BUY, SELL, CLOSE = {"action": "buy"}, {"action": "sell"}, {"action": "close"}

_cipher = TokenCipher("0123456789abcdef" * 2)


@pytest.fixture
def queue(redis_url: str) -> Iterator[Queue]:
    queue = connect_queue(redis_url)
    yield queue
    queue.connection.close()


@pytest.fixture
def connections(engine: Engine, redis_client: Redis) -> Iterator[Connections]:
    connections = Connections(engine=engine, log=redis_client)
    open_connections(connections)
    yield connections
    jobs._connections.clear()


def statuses(desk: Desk, recorder: Recorder) -> list[str]:
    return [each["status"] for each in desk.signals(recorder)]


@pytest.mark.usefixtures("connections")
class TestJob:
    def test_one_job_applies_all_that_is_pending(self, desk: Desk) -> None:
        desk.many_recorders(450)
        desk.tick("100")
        desk.alert_all(desk.recorders, BUY)
        desk.alert_all(desk.recorders[::3], CLOSE)
        assert apply_accepted_signals() == 600
        assert apply_accepted_signals() == 0
        assert pending_count(desk.engine) == 0

    @pytest.mark.parametrize(
        ("pending", "taken"),
        [
            ([(1, 100), (2, 1100), (3, 1)], [1, 2]),
            ([(1, 1), (2, 1), (3, 1)], [1, 2, 3]),
            ([(7, 5000), (8, 1)], [7]),
        ],
    )
    def test_no_more_is_taken_at_once_than_can_be_done_in_a_moment(
        self, pending: list[tuple[int, int]], taken: list[int]
    ) -> None:
        assert jobs._as_many_as_fit(pending) == taken

    def test_a_recorder_that_somebody_is_at_does_not_keep_the_others(self, desk: Desk) -> None:
        first, busy, last = (desk.recorder() for _ in range(3))
        desk.tick("100")
        desk.alert_all([first, busy, last], BUY)
        with ThreadPoolExecutor(1) as pool:
            with rival_transaction(desk.engine) as rival:
                rival.execute(text("SELECT 1 FROM recorders WHERE id = :id FOR NO KEY UPDATE"), {"id": busy.id})
                job = pool.submit(apply_accepted_signals)
                wait_until(lambda: somebody_waits_for_a_lock(desk.engine))
                assert [statuses(desk, each) for each in (first, busy, last)] == [
                    ["recorded"],
                    ["accepted"],
                    ["recorded"],
                ]
            assert job.result() == 3

    def test_a_server_that_is_away_fails_no_job(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        desk.alert(recorder, BUY)
        with monkeypatch.context() as patch:
            patch.setattr(jobs, "catch_up", lose_postgres)
            assert apply_accepted_signals() == 0
        assert statuses(desk, recorder) == ["accepted"]
        assert apply_accepted_signals() == 1

    def test_a_signal_that_comes_while_the_job_reads_the_last_time_wakes_another(
        self, queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wake_recorder_workers(queue)
        woken: list[bool] = []
        monkeypatch.setattr(jobs, "apply_pending", lambda _: woken.append(wake_recorder_workers(queue)) or 0)
        apply_accepted_signals()
        assert woken == [True]
        assert len(queue.jobs) == 2

    def test_nobody_else_is_woken_for_signals_that_a_job_will_read(
        self, queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wake_recorder_workers(queue)
        come, woken = [1, 1, 0, 0], []
        monkeypatch.setattr(jobs, "_apply_free", lambda _: woken.append(wake_recorder_workers(queue)) or come.pop(0))
        assert apply_accepted_signals() == 2
        assert woken == [False, False, False, True]

    def test_another_is_woken_where_more_waits_than_is_taken_at_once(
        self, desk: Desk, queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jobs, "RECORDERS_AT_ONCE", 2)
        desk.tick("100")
        desk.alert_all([desk.recorder() for _ in range(3)], BUY)
        woken: list[bool] = []

        def catch_up(_engine: Engine, _log: Redis, recorder_ids: list[int], *, wait: bool) -> int:
            woken.append(wake_recorder_workers(queue))
            return catch_up_really(desk.engine, desk.redis, recorder_ids, wait=wait)

        monkeypatch.setattr(jobs, "catch_up", catch_up)
        wake_recorder_workers(queue)
        assert apply_accepted_signals() == 3
        assert woken == [True, False]

    def test_a_job_that_fails_does_not_keep_others_from_being_woken(
        self, desk: Desk, queue: Queue, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.tick("100")
        desk.alert(desk.recorder(), BUY)
        wake_recorder_workers(queue)
        monkeypatch.setattr(jobs, "catch_up", lose_postgres)
        assert apply_accepted_signals() == 0
        assert wake_recorder_workers(queue)

    def test_a_job_looks_again_while_signals_come_but_not_for_ever(self, monkeypatch: pytest.MonkeyPatch) -> None:
        come = [2, 1, 0, 3, 7]
        monkeypatch.setattr(jobs, "_drain", lambda _, *, wait: 0 if wait else come.pop(0))
        assert apply_accepted_signals() == 6
        assert come == [7]

        monkeypatch.setattr(jobs, "LASTS_SECONDS", 0.05)
        monkeypatch.setattr(jobs, "_drain", lambda _, *, wait: 0 if wait else 1)
        assert 2 <= apply_accepted_signals() <= 7


class TestSweep:
    def test_it_wakes_for_what_waits_too_long_and_for_nothing_else(self, desk: Desk, queue: Queue) -> None:
        recorder = desk.recorder()
        assert not sweep(desk.engine, queue)
        desk.tick("100")
        desk.alert(recorder, BUY)
        assert not sweep(desk.engine, queue)
        with desk.engine.begin() as connection:
            statement = "UPDATE recorded_signals SET created_at = created_at - make_interval(secs => :seconds)"
            connection.execute(text(statement), {"seconds": OVERDUE_SECONDS})
        assert sweep(desk.engine, queue)
        assert len(queue.jobs) == 1

    def test_it_wakes_although_a_wake_up_that_was_lost_left_its_flag(self, desk: Desk, queue: Queue) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        desk.alert(recorder, BUY)
        wake_recorder_workers(queue)
        queue.empty()
        wait_until(lambda: sweep(desk.engine, queue))
        assert len(queue.jobs) == 1


class TestProcess:
    def test_it_is_an_rq_worker_that_a_wake_up_reaches_at_once(
        self, desk: Desk, settings: Settings, queue: Queue, reachable: Path
    ) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        with running_part("recorder-worker", settings, reachable / "worker.log"):
            info = wait_for_worker(settings.redis_url)
            assert "signals" in info
            desk.alert(recorder, BUY)
            began = time.monotonic()
            wake_recorder_workers(queue)
            wait_until(lambda: statuses(desk, recorder) == ["recorded"])
            assert time.monotonic() - began < OVERDUE_SECONDS

    def test_its_sweep_finds_a_signal_without_a_wake_up(self, desk: Desk, settings: Settings, reachable: Path) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        with running_part("recorder-worker", settings, reachable / "worker.log"):
            wait_until(lambda: read_heartbeats(desk.redis))
            desk.alert(recorder, BUY)
            wait_until(lambda: statuses(desk, recorder) == ["recorded"], within_seconds=2.0)

    def test_it_stores_and_applies_what_waits_in_redis(self, desk: Desk, settings: Settings, reachable: Path) -> None:
        desk.tick("100")
        with desk.engine.begin() as connection:
            made, token = create_recorder(
                connection, desk.user_id, parse_recorder_settings({"name": "W", "symbol": "MNQ1!"}), _cipher
            )
        with running_part("recorder-worker", settings, reachable / "worker.log"):
            wait_for_worker(settings.redis_url)
            alert = AlertBody(
                intake_id=uuid4(),
                token_hash=token_hash(token),
                body=b'{"action": "buy"}',
                received_at=to_datetime(desk.now),
                place=desk.tick("101"),
            )
            keep_waiting(desk.redis, alert)
            recorder = Recorder(id=made.id, settings_id=made.settings_id, stated={"name": "W"})
            wait_until(lambda: statuses(desk, recorder) == ["recorded"])
        assert desk.trades(recorder)[0]["entry_price"] == 101

    def test_killed_in_the_middle_of_a_drain_it_leaves_nothing_half_done(
        self, desk: Desk, settings: Settings, queue: Queue, reachable: Path
    ) -> None:
        desk.many_recorders(2 * RECORDERS_A_TRANSACTION + 40)
        for number, body in enumerate((BUY, SELL, CLOSE)):
            desk.tick(100 + number, 90, 110)
            desk.alert_all(desk.recorders, body)
        last = desk.recorders[-1]
        with rival_transaction(desk.engine) as rival:
            rival.execute(text("SELECT 1 FROM recorded_signals WHERE recorder_id = :id FOR UPDATE"), {"id": last.id})
            with running_part("recorder-worker", settings, reachable / "killed.log") as killed:
                wake_recorder_workers(queue)
                wait_until(lambda: 0 < pending_count(desk.engine) < 3 * len(desk.recorders))
                wait_until(lambda: somebody_waits_for_a_lock(desk.engine))
                killed.kill()
                killed.wait()
        assert 0 < pending_count(desk.engine) < 3 * len(desk.recorders)
        assert pending_count(desk.engine) % 3 == 0
        assert (desk.positions(last), desk.trades(last)) == ([], [])
        with running_part("recorder-worker", settings, reachable / "next.log"):
            wait_until(lambda: pending_count(desk.engine) == 0)
        desk.recorders[:] = [*desk.recorders[:5], *desk.recorders[-5:]]
        assert_as_replayed(desk)


def lose_postgres(*_: object, **__: object) -> int:
    raise OperationalError("statement", {}, Exception("the server went away"))


def wait_for_worker(redis_url: str) -> str:
    """Ask stock rq who works on what."""
    said: list[str] = []

    def listed() -> bool:
        command = [sys.executable, "-m", "rq.cli", "info", "--raw", "--url", redis_url]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
        said.append(answer.stdout)
        return "recorder_worker-" in answer.stdout

    wait_until(listed)
    return said[-1]
