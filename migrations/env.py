"""Runs the migrations one migrator at a time, on a connection that gives up instead of holding others up."""

import os

from alembic import context
from sqlalchemy import Connection, text

from shared.store.database import connect_database
from shared.store.tables import metadata

# Any number that nothing else in the database uses as an advisory lock.
MIGRATION_LOCK = 7_001_001
WAIT_FOR_OTHERS = "120s"
# A migration that cannot get its table lock at once would queue every reader and writer behind itself.
LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "60s"


def _wait_for_other_migrators(connection: Connection) -> None:
    """Take the migrators' lock until the transaction ends, then set the timeouts of the migrations themselves."""
    _set_local(connection, lock_timeout=WAIT_FOR_OTHERS, statement_timeout=WAIT_FOR_OTHERS)
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    _set_local(connection, lock_timeout=LOCK_TIMEOUT, statement_timeout=STATEMENT_TIMEOUT)


def _set_local(connection: Connection, **settings: str) -> None:
    for name, value in settings.items():
        connection.execute(text("SELECT set_config(:name, :value, true)"), {"name": name, "value": value})


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        _wait_for_other_migrators(connection)
        context.run_migrations()


def _run() -> None:
    """Migrate on the caller's connection (`shared.store.migrate`), or, called by `alembic`, on DATABASE_URL."""
    given: Connection | None = context.config.attributes.get("connection")
    if given is not None:
        _migrate(given)
        return
    engine = connect_database(os.environ["DATABASE_URL"], application="alembic")
    with engine.connect() as connection:
        _migrate(connection)
    engine.dispose()


_run()
