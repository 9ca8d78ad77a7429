"""Wakes the recorder workers through RQ; what there is to do stands in Postgres, never in a job."""

import redis
from rq import Queue

from shared.bus.connection import connect_redis

__all__ = ["Queue", "clear_wake", "connect_queue", "wake_recorder_workers"]

QUEUE = "signals"
JOB = "services.recorder_worker.jobs.apply_accepted_signals"
NO_TIMEOUT = -1  # RQ's would raise anywhere in the job, as if a signal were at fault; statements have their own
FAILURES_KEPT_SECONDS = 7 * 24 * 3600
WAKE = "signals:wake"
WAKE_SECONDS = 5


def connect_queue(url: str, *, timeout_seconds: float | None = None) -> Queue:
    """Make the queue of wake-ups, on a client of its own that does not decode: RQ's jobs are bytes.

    With a timeout it gives up after it instead of trying again.
    """
    client = connect_redis(url, retries=timeout_seconds is None, text=False, timeout_seconds=timeout_seconds)
    return Queue(QUEUE, connection=client)


def wake_recorder_workers(queue: Queue) -> bool:
    """Enqueue the job unless one that has yet to read the last time is on its way; whether it was enqueued.

    The flag expires by itself, so that a crash between flag and job delays work and does not lose it.
    """
    connection = queue.connection
    if not connection.set(WAKE, "1", nx=True, ex=WAKE_SECONDS):
        return False
    with connection.pipeline() as pipeline:
        queue.enqueue_call(
            JOB,
            timeout=NO_TIMEOUT,
            result_ttl=0,
            failure_ttl=FAILURES_KEPT_SECONDS,
            description="apply accepted signals",
            pipeline=pipeline,
        )
        pipeline.execute()
    return True


def clear_wake(client: redis.Redis) -> None:
    """Let the next wake-up through; the job calls this before it reads the last time, so that nothing is missed."""
    client.delete(WAKE)
