"""The end of a run: everything that waits is applied, and every position taken to the end of the log."""

import time

from sqlalchemy import Engine, func, select

from shared.bus.connection import RedisClient, connect_redis
from shared.bus.tick_log import read_heads
from shared.bus.waiting_bodies import count_waiting
from shared.catch_up import catch_up
from shared.store.tables import recorded_trades, recorders
from tests.trading import pending_count

DRAINED_WITHIN_SECONDS = 30.0


def drain(engine: Engine, redis_url: str) -> int:
    """Wait until the workers have applied everything; returns how many signals still wait after a while."""
    deadline = time.monotonic() + DRAINED_WITHIN_SECONDS
    redis = connect_redis(redis_url, retries=False)
    while _waiting(engine, redis) and time.monotonic() < deadline:
        time.sleep(0.1)
    return _waiting(engine, redis)


def settle(engine: Engine, redis_url: str) -> int:
    """Take positions as far as one place behind the last tick, so that rows of open trades are written, too.

    Returns how many trades that closed: the workers should have done it.
    """
    redis = connect_redis(redis_url, retries=False)
    heads = read_heads(redis)
    closed = _closed_trades(engine)
    with engine.connect() as connection:
        everything = list(connection.execute(select(recorders.c.id)).scalars())
    catch_up(engine, redis, everything, through=dict.fromkeys(heads.ticks, heads.place + 1))
    return _closed_trades(engine) - closed


def _waiting(engine: Engine, redis: RedisClient) -> int:
    return count_waiting(redis) + pending_count(engine)


def _closed_trades(engine: Engine) -> int:
    statement = select(func.count()).where(recorded_trades.c.status == "closed")
    with engine.connect() as connection:
        return int(connection.execute(statement).scalar_one())
