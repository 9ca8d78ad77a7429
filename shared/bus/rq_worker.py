"""The RQ worker of the queue `signals`: stock SimpleWorker, which does not fork, so connections may live on."""

import secrets

from rq import Queue, SimpleWorker

from shared.bus.heartbeat import instance_name


class SignalWorker(SimpleWorker):
    """Runs jobs in this process, and looks for a Redis that went away every two seconds at the latest."""

    max_connection_wait_time = 2.0


def make_worker(queue: Queue) -> SignalWorker:
    """Make a worker under a name that was never used before.

    RQ holds the name of a killed worker for minutes, and a container that starts again has its host and process id.
    """
    name = f"recorder_worker-{instance_name()}-{secrets.token_hex(4)}"
    worker = SignalWorker([queue], name=name, log_job_description=False)
    worker.log_result_lifespan = False
    return worker


def run_worker(queue: Queue) -> None:
    """Work until SIGTERM or SIGINT, which let the job under way finish."""
    make_worker(queue).work(logging_level="WARNING")
