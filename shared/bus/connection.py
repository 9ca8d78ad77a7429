"""How the services reach Redis: timeouts, and whether a lost command is sent again."""

import redis
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import ConnectionError as RedisUnreachable
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout
from redis.retry import Retry

CONNECT_TIMEOUT_SECONDS = 2
ANSWER_TIMEOUT_SECONDS = 5
RETRIES = 3

# What services know of Redis' client: its type and its errors.
RedisClient = redis.Redis
BusError = RedisError
CONNECTION_LOST = (RedisUnreachable, RedisTimeout)


def connect_redis(url: str, *, retries: bool, text: bool = True, timeout_seconds: float | None = None) -> RedisClient:
    """Make a client; it connects at its first command.

    Without `retries` a command whose answer is lost raises at once, which is what anything that appends
    needs: sent again blindly it would append twice. RQ stores pickles and needs `text=False`.
    `timeout_seconds` bounds connecting and each answer, for a caller that somebody waits for.
    """
    backoff = ExponentialWithJitterBackoff(cap=0.5, base=0.02)
    return redis.Redis.from_url(
        url,
        protocol=2,  # what RESP3 adds (push frames for pub/sub, notices of maintenance) only costs here
        decode_responses=text,
        socket_connect_timeout=timeout_seconds or CONNECT_TIMEOUT_SECONDS,
        socket_timeout=timeout_seconds or ANSWER_TIMEOUT_SECONDS,
        retry=Retry(backoff, RETRIES) if retries else Retry(NoBackoff(), 0),
    )
