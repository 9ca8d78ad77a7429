"""Connections to Postgres; no queries."""

from sqlalchemy import Engine, create_engine

_STATEMENT_TIMEOUT_MS = 30_000
_LOCK_TIMEOUT_MS = 20_000
_IDLE_IN_TRANSACTION_MS = 30_000


def connect_database(url: str, *, application: str, pool_size: int = 5) -> Engine:
    """Make an engine whose sessions run in UTC and give up on a statement or lock that hangs.

    `application` names the service in pg_stat_activity. Connections are made when first used.
    """
    options = (
        f"-c timezone=UTC -c statement_timeout={_STATEMENT_TIMEOUT_MS} -c lock_timeout={_LOCK_TIMEOUT_MS}"
        f" -c idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION_MS}"
    )
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={
            "options": options,
            "application_name": application,
            "connect_timeout": 3,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
        },
    )
