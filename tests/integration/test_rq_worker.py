"""A worker can start whatever became of the one before it."""

from shared.bus.queues import connect_queue
from shared.bus.rq_worker import make_worker


def test_a_killed_worker_does_not_keep_its_successor_of_the_same_host_and_process_id_from_starting(
    redis_url: str,
) -> None:
    queue = connect_queue(redis_url)
    killed = make_worker(queue)
    killed.register_birth()  # and no death

    successor = make_worker(queue)
    successor.register_birth()

    assert successor.name != killed.name
