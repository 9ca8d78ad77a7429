"""Starts a TP/SL worker."""

import logging
import signal
import time
from threading import Event

from services.tpsl_worker.flushes import FlushTimes
from services.tpsl_worker.monitor import Monitor
from shared.bus.connection import BusError, connect_redis
from shared.bus.heartbeat import Heartbeat
from shared.logs import log_event
from shared.settings import Settings
from shared.store.database import DATABASE_LOST, connect_database

RETRY_AFTER_SECONDS = 0.5
PATIENCE_MS = 10_000  # an answer that takes longer will not come: whoever waits for it keeps all positions waiting

logger = logging.getLogger(__name__)


def main(settings: Settings) -> int:
    """Watch over open positions until SIGTERM or SIGINT."""
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    log = connect_redis(settings.redis_url, retries=True)
    heartbeat = Heartbeat(log, "tpsl_worker")
    monitor = Monitor(
        # A turn that fails because a connection broke is tried again: no need to ask each time.
        connect_database(settings.database_url, application="tpsl_worker", patience_ms=PATIENCE_MS, ping=False),
        log,
        settings.redis_url,
        flush_times=FlushTimes(
            interval=settings.flush_interval_ms / 1000,
            margin=settings.flush_margin_ms / 1000,
            retention=settings.tick_retention_seconds,
        ),
    )
    while not stopping.is_set():
        _turn(monitor, heartbeat)
    heartbeat.stop()
    monitor.close()
    return 0


def _turn(monitor: Monitor, heartbeat: Heartbeat) -> None:
    """Go once round; a server that is away is tried again, and nothing is lost: what is due stays due."""
    try:
        monitor.turn()
        heartbeat.beat_if_due(lambda: {"symbols": monitor.symbols, "positions": monitor.positions})
    except (*DATABASE_LOST, BusError) as error:
        log_event(logger, "turn_failed", level=logging.WARNING, reason=str(error))
        time.sleep(RETRY_AFTER_SECONDS)
