"""The commands that run one part of the system, as `recorder up` and docker-compose do."""

import importlib
import os
import sys

import click

from cli.environment import settings_of
from cli.refusals import Refused
from shared.logs import configure_logging
from shared.settings import SettingsError


@click.command()
def web() -> None:
    """Run the web service: webhooks, pages, API."""
    _run("web")


@click.command()
def price_feed() -> None:
    """Run the price feed: from a source's socket to the tick log."""
    _run("price_feed")


@click.command()
def recorder_worker() -> None:
    """Run one recorder worker: applies accepted signals."""
    _run("recorder_worker")


@click.command()
def tpsl_worker() -> None:
    """Run one TP/SL worker: drawdowns and exits of open positions."""
    _run("tpsl_worker")


@click.command()
def migrate() -> None:
    """Bring the database to the tables of this version."""
    from shared.store.migrate import upgrade

    settings = settings_of(os.environ)
    configure_logging(settings.log_level)
    upgrade(settings.database_url)


def _run(service: str) -> None:
    """Run one service until it is told to stop; the others are never imported. It reads the environment itself."""
    main = importlib.import_module(f"services.{service}.__main__").main
    try:
        sys.exit(main())
    except SettingsError as error:
        raise Refused(str(error)) from error
