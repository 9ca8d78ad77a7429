"""Connections to Postgres; no queries."""

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

__all__ = ["DATABASE_LOST", "Connection", "Engine", "connect_database", "ping_database"]

DATABASE_LOST = (OperationalError, InterfaceError, NoConnectionFree)

_PATIENCE_MS = 30_000
_LOCK_TIMEOUT_MS = 20_000
_IDLE_IN_TRANSACTION_MS = 30_000


def connect_database(url: str, *, application: str, pool_size: int = 5, patience_ms: int = _PATIENCE_MS) -> Engine:
    """Make an engine whose sessions run in UTC and give up on a statement or lock that hangs.

    `application` names the service in pg_stat_activity. Connections are made when first used; `patience_ms` bounds
    the wait for a free one, too.
    """
    options = (
        f"-c timezone=UTC -c statement_timeout={patience_ms} -c lock_timeout={min(patience_ms, _LOCK_TIMEOUT_MS)}"
        f" -c idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION_MS}"
    )
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=patience_ms / 1000,
        pool_pre_ping=True,
        executemany_mode="values_plus_batch",  # many updates in one round trip
        connect_args={
            "options": options,
            "application_name": application,
            "connect_timeout": 2,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
        },
    )


def ping_database(engine: Engine) -> None:
    """Ask the database for an answer; raises one of DATABASE_LOST."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
