"""A worker can start whatever became of the one before it."""

import pytest
from redis.exceptions import ConnectionError as RedisUnreachable

from shared.bus import rq_worker
from shared.bus.queues import connect_queue
from shared.bus.rq_worker import SignalWorker, make_worker, run_worker


def test_a_killed_worker_does_not_keep_its_successor_of_the_same_host_and_process_id_from_starting(
    redis_url: str,
) -> None:
    queue = connect_queue(redis_url)
    killed = make_worker(queue)
    killed.register_birth()  # and no death

    successor = make_worker(queue)
    successor.register_birth()

    assert successor.name != killed.name


def test_a_redis_that_goes_away_ends_rqs_worker_and_not_ours(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[SignalWorker] = []

    def work(worker: SignalWorker, **_: object) -> bool:
        ended.append(worker)
        worker.told_to_stop = len(ended) == 4
        if len(ended) == 1:
            raise RedisUnreachable
        return False  # as after "found an unhandled exception, quitting..."

    monkeypatch.setattr(SignalWorker, "work", work)
    monkeypatch.setattr(rq_worker, "PAUSE_SECONDS", 0.01)

    run_worker(connect_queue(redis_url))

    assert len({worker.name for worker in ended}) == 4
