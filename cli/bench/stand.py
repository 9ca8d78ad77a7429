"""The test stand: servers of its own in a temporary directory, and services started as users start them.

The servers are as durable as those of `recorder up`, since committing is part of what is measured.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.data_directory import SEARCHABLE
from cli.embedded.postgres import prepare_postgres
from cli.embedded.server import running
from cli.embedded.valkey import prepare_valkey
from cli.processes import Process, Program, last_line, stop
from shared.bus.connection import RedisClient, connect_redis
from shared.bus.heartbeat import Beat, read_heartbeats
from shared.settings import Settings, load_settings
from shared.store.database import Engine, connect_database
from shared.store.migrate import upgrade

SECRET_KEY = "0123456789abcdef" * 2
PATIENCE_SECONDS = 60.0
LOOK_EVERY_SECONDS = 0.02
PASSED_ON = ("PATH", "PYTHONPATH", "HOME", "LANG")


class BenchFailed(Exception):
    """Something that a bench waits for did not happen; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Postgres, migrated, and a Redis-protocol server, both empty; `environ` is what services need to find them."""

    directory: Path
    environ: Mapping[str, str]
    settings: Settings
    engine: Engine
    redis: RedisClient

    def heartbeats(self, service: str) -> list[Beat]:
        """Return what the instances of a service last said of themselves."""
        return [beat for beat in read_heartbeats(self.redis) if beat.service == service]

    @contextmanager
    def service(self, command: str, *arguments: str, **variables: str) -> Iterator[Process]:
        """Run `recorder COMMAND` for the length of a `with` block, with these variables in its environment too."""
        with self.process(command, "-P", "-m", "cli.main", command, *arguments, **variables) as process:
            yield process

    @contextmanager
    def process(self, name: str, *arguments: str, **variables: str) -> Iterator[Process]:
        """Run a Python program; raises BenchFailed with its last words if it ended by itself."""
        program = Program(
            name=name,
            command=(sys.executable, *arguments),
            log=self.directory / f"{name}.log",
            environment={**self.environ, **variables},
        )
        process = program.start()
        try:
            yield process
            if process.poll() not in (None, 0):
                raise BenchFailed(f"{name} ended with code {process.poll()}: {last_line(program.log)}")
        finally:
            stop([(program, process)])


@contextmanager
def open_stand() -> Iterator[Stand]:
    """Start the servers, and stop them at the end; nothing remains."""
    with tempfile.TemporaryDirectory(prefix="trade-recorder-bench-") as name:
        directory = Path(name)
        directory.chmod(SEARCHABLE)
        with (
            running(prepare_postgres(directory / "postgres", directory / "postgres.log")) as database_url,
            running(prepare_valkey(directory / "valkey", directory / "valkey.log")) as redis_url,
        ):
            environ = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
            environ |= {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "SECRET_KEY": SECRET_KEY}
            upgrade(database_url)
            engine = connect_database(database_url, application="bench", pool_size=5)
            redis = connect_redis(redis_url, retries=False)
            try:
                yield Stand(
                    directory=directory,
                    environ=environ,
                    settings=load_settings(environ),
                    engine=engine,
                    redis=redis,
                )
            finally:
                redis.close()
                engine.dispose()


def wait_until(holds: Callable[[], bool], what: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Look again and again; raises BenchFailed if it does not come to hold."""
    deadline = time.monotonic() + patience_seconds
    while not holds():
        if time.monotonic() > deadline:
            raise BenchFailed(f"{what} did not happen within {patience_seconds:g} s")
        time.sleep(LOOK_EVERY_SECONDS)
