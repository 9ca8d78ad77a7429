"""Starts a recorder worker: an RQ worker on the queue `signals`, beside it a sweep and what settles days."""

import os

from services.recorder_worker.jobs import Connections, open_connections
from services.recorder_worker.settler import Settler
from services.recorder_worker.sweep import Sweeper
from shared.bus.connection import connect_redis
from shared.bus.heartbeat import Heartbeat
from shared.bus.queues import connect_queue
from shared.bus.rq_worker import run_worker
from shared.settings import Settings
from shared.store.database import connect_database

NICENESS = 10  # a sender waits 3 s for its answer, so web services come first where both want the same core
PATIENCE_MS = 10_000  # an answer that takes longer will not come: whoever waits for it keeps all signals waiting


def main(settings: Settings) -> int:
    """Apply signals as they come, until SIGTERM."""
    os.nice(NICENESS)
    engine = connect_database(settings.database_url, application="recorder_worker", patience_ms=PATIENCE_MS)
    log = connect_redis(settings.redis_url, retries=True)
    queue = connect_queue(settings.redis_url)
    open_connections(Connections(engine=engine, log=log))
    sweeper = Sweeper(engine, connect_queue(settings.redis_url), Heartbeat(log, "recorder_worker"))
    settler = Settler(engine)
    sweeper.start()
    settler.start()
    try:
        run_worker(queue)
    finally:
        settler.stop()
        sweeper.stop()
    return 0
