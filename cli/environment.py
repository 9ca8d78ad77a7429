"""Where commands find the servers: in the environment, or with the `recorder up` that runs on the data directory."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.refusals import Refused
from shared.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from shared.store.database import Connection

DEFAULT_DATA = Path("data")
RUNNING = "running.json"

data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_DATA,
    show_default=True,
    metavar="DIR",
    help="Where `recorder up` keeps its data.",
)


def settings_of(environ: Mapping[str, str]) -> Settings:
    """Load the settings; a wrong variable refuses the command."""
    try:
        return load_settings(environ)
    except SettingsError as error:
        raise Refused(str(error)) from error


def settings_for(data: Path) -> Settings:
    """Load the settings from the environment, completed by what `recorder up` left in the data directory."""
    try:
        running = json.loads((data / RUNNING).read_text())
    except FileNotFoundError:
        running = {}
        if "DATABASE_URL" not in os.environ:
            raise Refused(f"DATABASE_URL is not set, and no `recorder up` runs on {data}.") from None
    return settings_of(running | {name: value for name, value in os.environ.items() if value})


def database_refused(error: Exception) -> Refused:
    """Say in one line that the database of DATABASE_URL cannot be used."""
    return Refused(f"The database of DATABASE_URL cannot be used: {str(error).splitlines()[0]}")


@contextmanager
def open_database(data: Path) -> Iterator["Connection"]:
    """Open one transaction on the database of the environment or of the running `recorder up`."""
    from shared.store.database import DATABASE_LOST, connect_database

    engine = connect_database(settings_for(data).database_url, application="cli", pool_size=1)
    try:
        with engine.begin() as connection:
            yield connection
    except DATABASE_LOST as error:
        raise database_refused(error) from error
    finally:
        engine.dispose()


@contextmanager
def told_to_others(data: Path, environ: Mapping[str, str]) -> Iterator[None]:
    """Let commands in other terminals find the servers, for the length of a `with` block."""
    names = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PORT")
    path = data / RUNNING
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({name: environ[name] for name in names if name in environ}, file)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
