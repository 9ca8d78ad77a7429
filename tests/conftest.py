"""Real servers for the tests that need them: started once, when the first test asks, and forgotten afterwards.

Every module gets a database of its own, migrated already; every test gets an empty Redis.
"""

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import Engine, create_engine, make_url, text

from cli.embedded.postgres import prepare_postgres
from cli.embedded.server import EmbeddedServer, EmbeddedServerError, running
from cli.embedded.valkey import prepare_valkey
from shared.bus.connection import connect_redis
from shared.settings import Settings, load_settings
from shared.store.database import connect_database

TEMPLATE = "template_of_tests"
_numbers = itertools.count(1)


@contextmanager
def open_directory() -> Iterator[Path]:
    """Pytest's own temporary directories are closed to other users, but as root Postgres runs as one."""
    with tempfile.TemporaryDirectory(prefix="trade-recorder-tests-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        yield directory


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A temporary directory for this test that every account of the machine can reach."""
    with open_directory() as directory:
        yield directory


@pytest.fixture(scope="session")
def _servers_directory() -> Iterator[Path]:
    with open_directory() as directory:
        yield directory


def _started(stack: ExitStack, server: EmbeddedServer) -> str:
    """Start a server; a laptop that cannot run it skips the test, with the reason, CI fails."""
    try:
        return stack.enter_context(running(server))
    except EmbeddedServerError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def _postgres_url(_servers_directory: Path) -> Iterator[str]:
    with ExitStack() as stack:
        log = _servers_directory / "postgres.log"
        url = _started(stack, prepare_postgres(_servers_directory / "postgres", log, durable=False))
        _run(url, f"CREATE DATABASE {TEMPLATE}")
        _migrate(_database(url, TEMPLATE))
        yield url


@pytest.fixture(scope="session")
def _redis_server_url(_servers_directory: Path) -> Iterator[str]:
    with ExitStack() as stack:
        log = _servers_directory / "valkey.log"
        yield _started(stack, prepare_valkey(_servers_directory / "valkey", log, durable=False))


@pytest.fixture(scope="module")
def database_url(_postgres_url: str) -> Iterator[str]:
    """The address of a migrated database that belongs to this module alone."""
    name = f"test_{next(_numbers)}"
    _run(_postgres_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")
    yield _database(_postgres_url, name)
    _run(_postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def engine(database_url: str) -> Iterator[Engine]:
    """Connections to the module's database, as the services make them."""
    engine = connect_database(database_url, application="tests")
    yield engine
    engine.dispose()


@pytest.fixture
def redis_url(_redis_server_url: str) -> str:
    """The address of a Redis that is empty when the test starts."""
    client = connect_redis(_redis_server_url, retries=False)
    client.flushall()
    client.close()
    return _redis_server_url


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[Redis]:
    """A client of the empty Redis that answers in text."""
    client = connect_redis(redis_url, retries=False)
    yield client
    client.close()


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    """Settings as a service would load them, pointing at the test's servers."""
    return load_settings({"DATABASE_URL": database_url, "REDIS_URL": redis_url, "SECRET_KEY": "0123456789abcdef" * 2})


def _migrate(url: str) -> None:
    from shared.store.migrate import upgrade

    upgrade(url)


def _database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _run(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
