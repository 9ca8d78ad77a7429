"""The RQ worker of the queue `signals`: stock SimpleWorker, which does not fork, so connections may live on."""

from rq import Queue, SimpleWorker

from shared.bus.heartbeat import instance_name


class SignalWorker(SimpleWorker):
    """Runs jobs in this process, and looks for a Redis that went away every two seconds at the latest."""

    max_connection_wait_time = 2.0


def run_worker(queue: Queue) -> None:
    """Work until SIGTERM or SIGINT, which let the job under way finish."""
    worker = SignalWorker([queue], name=f"recorder_worker-{instance_name()}", log_job_description=False)
    worker.log_result_lifespan = False
    worker.work(logging_level="WARNING")
