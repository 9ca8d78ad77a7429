"""The RQ worker of the queue `signals`: stock SimpleWorker, which does not fork, so connections may live on."""

import logging
import secrets
import time
from types import FrameType

from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested

from shared.bus.connection import CONNECTION_LOST
from shared.bus.heartbeat import instance_name
from shared.logs import log_event

PAUSE_SECONDS = 0.5

logger = logging.getLogger(__name__)


class SignalWorker(SimpleWorker):
    """Runs jobs in this process, and looks for a Redis that went away every two seconds at the latest."""

    max_connection_wait_time = 2.0
    told_to_stop = False

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Remember that it is a signal that ends us; RQ finishes the job under way."""
        self.told_to_stop = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def make_worker(queue: Queue) -> SignalWorker:
    """Make a worker under a name that was never used before.

    RQ holds the name of a killed worker for minutes, and a container that starts again has its host and process id.
    """
    name = f"recorder_worker-{instance_name()}-{secrets.token_hex(4)}"
    worker = SignalWorker([queue], name=name, log_job_description=False)
    worker.log_result_lifespan = False
    return worker


def run_worker(queue: Queue) -> None:
    """Work until SIGTERM or SIGINT, which let the job under way finish.

    A Redis that goes away ends RQ's worker at most of its lines; the next worker begins when it is back.
    """
    worker: SignalWorker | None = None
    pause = 0.0
    while not (worker and worker.told_to_stop):
        try:
            time.sleep(pause)  # signals still go to the worker that ended
            pause = PAUSE_SECONDS
            worker = make_worker(queue)
            worker.work(logging_level="WARNING")
        except CONNECTION_LOST as error:
            log_event(logger, "worker_interrupted", level=logging.WARNING, reason=str(error))
        except StopRequested:
            return
