"""Connections to Postgres; no queries."""

import select
import time
from typing import Any

from psycopg2 import OperationalError as ServerSilent
from psycopg2.extensions import POLL_OK, POLL_READ, STATUS_SETUP, connection, set_wait_callback
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

__all__ = ["DATABASE_LOST", "Connection", "Engine", "KeepAlive", "connect_database", "ping_database"]

DATABASE_LOST = (OperationalError, InterfaceError, NoConnectionFree)

_PATIENCE_MS = 30_000
_LOCK_TIMEOUT_MS = 5_000
_IDLE_IN_TRANSACTION_MS = 5_000
_SAY_SOMETHING_EVERY_SECONDS = 1.0
_CONNECT_SECONDS = 2.0
# Statements are short and rows lie in memory or on an SSD: compiling takes longer than they do, and a table is not read
# as a whole to spare a few thousand look-ups.
_PLANNING = "-c jit=off -c random_page_cost=1.1"


def connect_database(
    url: str,
    *,
    application: str,
    pool_size: int = 5,
    patience_ms: int = _PATIENCE_MS,
    ping: bool = True,
    statements_commit: bool = False,
) -> Engine:
    """Make an engine whose sessions run in UTC and give up on a statement, a lock or a server that hangs.

    `application` names the service in pg_stat_activity. Connections are made when first used; `patience_ms` bounds
    every answer and the wait for a free connection. Without `ping` a connection that broke while nobody used it fails
    at its next use, for callers to whom that costs less than asking each time. With `statements_commit` each statement
    is a transaction, which saves two round trips.
    """
    # A stopped process keeps what it locked until its transaction is ended for it.
    idle_ms = min(patience_ms, _IDLE_IN_TRANSACTION_MS)
    options = (
        f"-c timezone=UTC -c statement_timeout={patience_ms} -c lock_timeout={min(patience_ms, _LOCK_TIMEOUT_MS)}"
        f" -c idle_in_transaction_session_timeout={idle_ms} {_PLANNING}"
    )
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,  # what goes beyond a pool is closed after use, and making a connection costs a process
        pool_timeout=patience_ms / 1000,
        pool_pre_ping=ping,
        isolation_level="AUTOCOMMIT" if statements_commit else "READ COMMITTED",
        executemany_mode="values_plus_batch",  # many updates in one round trip
        connect_args={
            "options": options,
            "application_name": application,
            "connection_factory": _patient(patience_ms / 1000),
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
        },
    )


def ping_database(engine: Engine) -> None:
    """Ask the database for an answer; raises one of DATABASE_LOST."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))


class KeepAlive:
    """Says something on a connection now and then, so that a long calculation is not taken for a stopped process."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._due_at = time.monotonic() + _SAY_SOMETHING_EVERY_SECONDS

    def renew_if_due(self) -> None:
        """Call it more often than sessions may idle in a transaction."""
        if time.monotonic() >= self._due_at:
            self._due_at = time.monotonic() + _SAY_SOMETHING_EVERY_SECONDS
            self._connection.execute(text("SELECT 1"))


class _PatientConnection(connection):  # type: ignore[misc] # psycopg2 has no types
    patience_seconds = _PATIENCE_MS / 1000


def _patient(seconds: float) -> type[_PatientConnection]:
    return type("PatientConnection", (_PatientConnection,), {"patience_seconds": seconds})


def _wait_for_answer(waiting: Any) -> None:
    """Wait for the server at most as long as the connection is patient; psycopg2 alone waits for ever.

    The server's own timeouts do not help where the server is stopped, or the network swallows its answers.
    """
    connecting = waiting.status == STATUS_SETUP
    patience = waiting.patience_seconds if isinstance(waiting, _PatientConnection) else _PATIENCE_MS / 1000
    give_up_at = time.monotonic() + (min(patience, _CONNECT_SECONDS) if connecting else patience)
    while (state := waiting.poll()) != POLL_OK:
        poll = select.poll()
        poll.register(waiting.fileno(), select.POLLIN if state == POLL_READ else select.POLLOUT)
        if not poll.poll(max(0.0, give_up_at - time.monotonic()) * 1000):
            raise ServerSilent(f"no answer in {patience:g} s")


set_wait_callback(_wait_for_answer)
