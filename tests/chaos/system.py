"""The real thing on this machine: both servers, a proxy before one of them, and eight service processes."""

import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import make_url, text

from cli.embedded.postgres import prepare_postgres
from cli.embedded.server import STOP_WITHIN_SECONDS, EmbeddedServer, EmbeddedServerError, free_port, start_server
from cli.embedded.valkey import prepare_valkey
from cli.processes import Process, Program, stop
from cli.web_client import is_ready
from shared.bus.connection import BusError, connect_redis
from shared.store.database import DATABASE_LOST, Engine, connect_database
from shared.store.migrate import upgrade
from tests.chaos.proxy_process import ProxyProcess
from tests.chaos.schedule import REPLICAS, SERVICES

READY_WITHIN_SECONDS = 45.0
SERVER_BACK_WITHIN_SECONDS = 20.0
SECRET_KEY = "chaos-" * 8
POSTGRES, REDIS = "postgres", "redis"


@dataclass(slots=True)
class Child:
    """A process of the run; it is down from being killed or stopped until it was started or continued."""

    program: Program
    process: Process
    down: bool = False


@dataclass
class System:
    """Everything that runs; all of it is started, broken and put right from one thread."""

    directory: Path
    ticks: Path
    servers: dict[str, EmbeddedServer] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)
    web_ports: list[int] = field(default_factory=lambda: [free_port() for _ in range(REPLICAS)])
    # When a web process could not answer, by its number: what a sender waited for then says nothing of it.
    web_absences: list[tuple[int, float, float]] = field(default_factory=list)
    outages: set[str] = field(default_factory=set)  # faults of servers that are going on
    proxy: ProxyProcess = field(init=False)
    _down_since: dict[str, float] = field(default_factory=dict)

    def start(self) -> None:
        """Start both servers with empty data, the proxy and all services, and wait until all is well."""
        logs = self.directory / "logs"
        logs.mkdir()
        self.servers[POSTGRES] = prepare_postgres(self.directory / "postgres", logs / "postgres.log")
        self.servers[REDIS] = prepare_valkey(self.directory / "redis", logs / "redis.log")
        for name, server in self.servers.items():
            self.children[name] = Child(server.program, start_server(server))
        upgrade(self.database_url)
        address = make_url(self.database_url)
        self.proxy = ProxyProcess(str(address.host), int(address.port or 0))
        self._environment = self._services_environment(
            address.set(port=self.proxy.start()).render_as_string(hide_password=False)
        )
        for service in SERVICES:
            for replica in range(REPLICAS):
                program = self._program(service, replica)
                self.children[program.name] = Child(program, program.start())
        self._wait_until_ready()

    @property
    def database_url(self) -> str:
        """Postgres itself, past the proxy."""
        return self.servers[POSTGRES].url

    @property
    def redis_url(self) -> str:
        """Redis itself."""
        return self.servers[REDIS].url

    def environment(self) -> Mapping[str, str]:
        """What a command needs that asks the servers themselves."""
        return self._environment | {"DATABASE_URL": self.database_url}

    def engine(self) -> Engine:
        """Connections to Postgres itself, for the checks."""
        return connect_database(self.database_url, application="chaos", pool_size=4)

    def kill(self, name: str, *, whole: bool) -> None:
        """`kill -9` a process, or with its children."""
        child = self._goes_down(name)
        with suppress(ProcessLookupError):
            (os.killpg if whole else os.kill)(child.process.pid, signal.SIGKILL)
        child.process.wait()

    def start_again(self, name: str) -> None:
        """Start what was killed, once nothing is left of it."""
        child = self.children[name]
        stop([(child.program, child.process)])
        child.process = child.program.start()
        self._comes_back(name)

    def freeze(self, name: str) -> None:
        """SIGSTOP a process with all of its children."""
        self._signal(self._goes_down(name), signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let it go on."""
        self._signal(self.children[name], signal.SIGCONT)
        self._comes_back(name)

    def take_away(self, server: str, *, kill: bool) -> None:
        """Stop a server, in an orderly manner or with `kill -9`."""
        child = self._goes_down(server)
        if kill:
            self._signal(child, signal.SIGKILL)
            child.process.wait()
        stop([(child.program, child.process)], STOP_WITHIN_SECONDS)

    def bring_back(self, server: str) -> None:
        """Start a server, and wait until it answers."""
        deadline = time.monotonic() + SERVER_BACK_WITHIN_SECONDS
        while True:
            try:
                self.children[server].process = start_server(self.servers[server])
            except EmbeddedServerError:  # what is left of a killed one has yet to end
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                self._comes_back(server)
                return

    def stop_service(self, service: str) -> None:
        """Ask all processes of a service to end."""
        stop((child.program, child.process) for name, child in self.children.items() if name.startswith(service))

    def stop(self) -> None:
        """End everything, whatever state it is in."""
        if hasattr(self, "proxy"):
            self.proxy.stop()
        services = [child for name, child in self.children.items() if name not in self.servers]
        for child in self.children.values():
            with suppress(ProcessLookupError):
                self._signal(child, signal.SIGCONT)
        stop((child.program, child.process) for child in services)
        for name in self.servers.keys() & self.children.keys():
            stop([(self.children[name].program, self.children[name].process)], STOP_WITHIN_SECONDS)

    def cpu_seconds(self) -> dict[str, float]:
        """What this process and the others, as they were last started, have used so far."""
        used = {name: _cpu_seconds(child.process.pid) for name, child in self.children.items()}
        ours = {"chaos": os.getpid(), "proxy": self.proxy.pid}
        return {name: _cpu_seconds(pid, with_children=False) for name, pid in ours.items()} | used

    def feed_that_publishes(self) -> str:
        """Find the price feed that holds the lease, or the first one."""
        client = connect_redis(self.redis_url, retries=False, timeout_seconds=1)
        try:
            holder = str(client.get("ticks:lease:replay")).rpartition("-")[2]
        except BusError:
            holder = ""
        finally:
            client.close()
        feeds = {str(self.children[name].process.pid): name for name in self.children if name.startswith("price_feed")}
        return feeds.get(holder, "price_feed-0")

    def _goes_down(self, name: str) -> Child:
        child = self.children[name]
        child.down = True
        self._down_since[name] = time.time()
        return child

    def _comes_back(self, name: str) -> None:
        self.children[name].down = False
        service, _, number = name.partition("-")
        if service == "web":
            self.web_absences.append((int(number), self._down_since[name], time.time()))

    @staticmethod
    def _signal(child: Child, number: signal.Signals) -> None:
        for pid in (child.process.pid, *_descendants(child.process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _program(self, service: str, replica: int) -> Program:
        name = f"{service}-{replica}"
        return Program(
            name=name,
            command=(sys.executable, "-P", "-m", "cli.main", service.replace("_", "-")),
            log=self.directory / "logs" / f"{name}.log",
            environment=self._environment | {"PORT": str(self.web_ports[replica])},
        )

    def _services_environment(self, database_url: str) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": database_url,
            "REDIS_URL": self.redis_url,
            "SECRET_KEY": SECRET_KEY,
            "FEED": "replay",
            "FEED_TICKS": str(self.ticks),
            "FEED_SPEED": "1",
            "WEBHOOK_RATE_LIMIT": "1000000",
        }

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while not all(is_ready(port) for port in self.web_ports):
            if time.monotonic() > deadline:
                message = f"not ready within {READY_WITHIN_SECONDS:g} s, see {self.directory / 'logs'}"
                raise AssertionError(message)
            time.sleep(0.1)


def terminate_backends(engine: Engine, share: float) -> int:
    """Have Postgres end a share of the services' sessions, whatever they are doing; how many."""
    statement = text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND application_name <> 'chaos' AND random() < :share"
    )
    try:
        with engine.connect() as connection:
            return int(connection.execute(statement, {"share": share}).scalar_one())
    except DATABASE_LOST:
        return 0


def _descendants(pid: int) -> Iterable[int]:
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parts[2]))
    found, look = [], [pid]
    while look:
        children = parents.get(look.pop(), [])
        found += children
        look += children
    return found


def _cpu_seconds(pid: int, *, with_children: bool = True) -> float:
    ticks = 0
    for each in (pid, *(_descendants(pid) if with_children else ())):
        with suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
