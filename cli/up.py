"""`recorder up`: everything on this machine, from nothing but Python to positions that move in a browser."""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import click

from cli.data_directory import held, log_of
from cli.embedded.postgres import prepare_postgres
from cli.embedded.server import EmbeddedServer, EmbeddedServerError, kept_secret
from cli.embedded.valkey import prepare_valkey
from cli.environment import data_option, settings_of, told_to_others
from cli.first_user import FIRST_USER, prepare_database
from cli.processes import Program
from cli.refusals import Refused
from cli.supervisor import Supervisor
from cli.web_client import is_ready
from shared.settings import DATABASE_SCHEME, REDIS_SCHEMES, Settings

READY_WITHIN_SECONDS = 45.0
PLACEHOLDERS = {"DATABASE_URL": DATABASE_SCHEME, "REDIS_URL": REDIS_SCHEMES[0]}
FILE = click.Path(exists=True, dir_okay=False, resolve_path=True)
WORKERS = click.IntRange(1, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """How many of each service to run, and whether the demo sends alerts."""

    demo: bool
    recorder_workers: int
    tpsl_workers: int

    def commands(self) -> Iterator[tuple[str, str]]:
        """Give a name and the `recorder` command of each."""
        yield "web", "web"
        yield "price-feed", "price-feed"
        yield from ((f"recorder-worker-{number}", "recorder-worker") for number in range(1, self.recorder_workers + 1))
        yield from ((f"tpsl-worker-{number}", "tpsl-worker") for number in range(1, self.tpsl_workers + 1))
        if self.demo:
            yield "demo", "demo"


@click.command()
@click.option(
    "--feed",
    "FEED",
    metavar="NAME[,NAME]",
    help="Where prices come from: simulated, replay, or live from coinbase, kraken, tradovate, tradingview; of several"
    " each symbol takes the first that has it.  [default: simulated]",
)
@click.option("--ticks", "FEED_TICKS", type=FILE, metavar="FILE", help="The CSV that `--feed replay` plays.")
@click.option("--speed", "FEED_SPEED", metavar="X", help="How much faster than real time.  [default: 1]")
@click.option("--port", "PORT", metavar="N", help="Where pages and webhooks are.  [default: 8082]")
@data_option
@click.option("--demo/--no-demo", default=True, show_default=True, help="Demo recorders that receive alerts.")
@click.option("--recorder-workers", type=WORKERS, default=1, show_default=True, metavar="N")
@click.option("--tpsl-workers", type=WORKERS, default=1, show_default=True, metavar="N")
def up(data: Path, *, demo: bool, recorder_workers: int, tpsl_workers: int, **variables: str | None) -> None:
    """Run everything on this machine until Ctrl-C.

    Postgres and a Redis-protocol server are started too, unless DATABASE_URL and REDIS_URL name others.
    """
    services = Services(demo=demo, recorder_workers=recorder_workers, tpsl_workers=tpsl_workers)
    directory = data.resolve()
    try:
        with _ends_like_ctrl_c(), held(directory, click.echo) as keep_open:
            environ = os.environ | {name: value for name, value in variables.items() if value is not None}
            _run(directory, environ, services, keep_open)
    except KeyboardInterrupt:
        click.echo("Stopped.")
    except EmbeddedServerError as error:
        raise Refused(str(error)) from error
    except PermissionError as error:
        raise Refused(f"{error.filename} belongs to another user: {error.strerror}.") from error


def _run(data: Path, environ: dict[str, str], services: Services, keep_open: int) -> None:
    began = time.monotonic()
    if not environ.get("SECRET_KEY"):
        environ["SECRET_KEY"] = kept_secret(data / "secret_key")
    _refuse_a_taken_port(settings_of(PLACEHOLDERS | environ))  # before anything is laid out
    servers = list(_embedded_servers(data, environ, keep_open))
    settings = settings_of(environ)
    supervisor = Supervisor(click.echo)
    try:
        for server in servers:
            click.echo(f"Starting {server.program.name}")
            supervisor.start_server(server)
        click.echo("Bringing the database up to date")
        password = prepare_database(settings)
        with told_to_others(data, environ):
            click.echo(f"Starting {', '.join(name for name, _ in services.commands())}")
            for program in _programs(data, environ, services, keep_open):
                supervisor.start_service(program)
            ready = supervisor.watch(lambda: is_ready(settings.port), time.monotonic() + READY_WITHIN_SECONDS)
            click.echo(_welcome(settings, services, data, password, time.monotonic() - began if ready else None))
            supervisor.watch()
    finally:
        _ignore_further_signals()
        click.echo("\nStopping")
        supervisor.stop()


def _embedded_servers(data: Path, environ: dict[str, str], keep_open: int) -> Iterator[EmbeddedServer]:
    """Prepare the servers whose address is not in the environment, and put it there."""
    if not environ.get("DATABASE_URL"):
        postgres = prepare_postgres(data / "postgres", log_of(data, "postgres"), keep_open=(keep_open,))
        environ["DATABASE_URL"] = postgres.url
        yield postgres
    if not environ.get("REDIS_URL"):
        valkey = prepare_valkey(data / "valkey", log_of(data, "valkey"), keep_open=(keep_open,))
        environ["REDIS_URL"] = valkey.url
        yield valkey


def _programs(data: Path, environ: Mapping[str, str], services: Services, keep_open: int) -> Iterator[Program]:
    for name, command in services.commands():
        yield Program(
            name=name,
            command=(sys.executable, "-P", "-m", "cli.main", command),
            log=log_of(data, name),
            environment=environ,
            keep_open=(keep_open,),
        )


def _refuse_a_taken_port(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise Refused(
                f"Port {settings.port} cannot be used ({error.strerror}): choose another one with --port.",
            ) from error


def _welcome(settings: Settings, services: Services, data: Path, password: str | None, seconds: float | None) -> str:
    address = f"http://127.0.0.1:{settings.port}"
    known = f"password as printed at the first start; `recorder user password {FIRST_USER}` makes a new one"
    lines = {
        "Address": address,
        "Log in": f"{FIRST_USER}, {f'password {password} (shown only this once)' if password else known}",
        "Prices": f"the {settings.feed} feed",
        "Alerts": "the demo sends some a minute; --no-demo leaves it out" if services.demo else "only yours",
        "Data": f"{data}, logs in {data / 'logs'}",
    }
    state = f"Ready after {seconds:.1f} s." if seconds is not None else f"Not all is well yet, see {address}/readyz"
    rows = "\n".join(f"  {name:<8} {text}" for name, text in lines.items())
    return f"{state}\n\n{rows}\n\nCtrl-C stops everything."


@contextmanager
def _ends_like_ctrl_c() -> Iterator[None]:
    """Let `kill` and a closed terminal end the run as Ctrl-C does."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    yield


def _ignore_further_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
