"""The commands that run one part of the system, as `recorder up` and docker-compose do."""

import os
import sys

import click

from cli.environment import database_refused, settings_of
from cli.refusals import Refused
from shared.logs import configure_logging
from shared.settings import Settings


@click.command()
def web() -> None:
    """Run the web service: webhooks, pages, API."""
    from services.web.__main__ import main

    main(_ready_settings())


@click.command()
def price_feed() -> None:
    """Run the price feed: source to tick log."""
    from services.price_feed.feed import run
    from shared.settings import SettingsError
    from shared.ticks_file import TicksFileError

    try:
        sys.exit(run(_ready_settings()))
    except (TicksFileError, SettingsError) as error:
        raise Refused(str(error)) from error


@click.command()
def recorder_worker() -> None:
    """Run one recorder worker: applies accepted signals."""
    from services.recorder_worker.__main__ import main

    sys.exit(main(_ready_settings()))


@click.command()
def tpsl_worker() -> None:
    """Run one TP/SL worker: drawdowns and exits."""
    from services.tpsl_worker.__main__ import main

    sys.exit(main(_ready_settings()))


@click.command()
def migrate() -> None:
    """Bring the database to the tables of this version."""
    from shared.store.database import DATABASE_LOST
    from shared.store.migrate import upgrade

    settings = _ready_settings()
    try:
        upgrade(settings.database_url)
    except DATABASE_LOST as error:
        raise database_refused(error) from error


def _ready_settings() -> Settings:
    settings = settings_of(os.environ)
    configure_logging(settings.log_level)
    return settings
