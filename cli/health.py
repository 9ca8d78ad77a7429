"""`recorder health`: whether a service in this container lives, as docker-compose asks again and again."""

import os

import click

from cli.environment import settings_of
from cli.web_client import is_alive


@click.command()
@click.argument("service", type=click.Choice(["web", "price_feed", "recorder_worker", "tpsl_worker"]))
def health(service: str) -> None:
    """Tell whether SERVICE lives on this host or in this container; exit 1 if it does not."""
    settings = settings_of(os.environ)
    reason = _silent_web(settings.port) if service == "web" else _silent_service(settings.redis_url, service)
    if reason is not None:
        click.echo(reason, err=True)
        raise click.exceptions.Exit(1)
    click.echo(f"{service} lives")


def _silent_web(port: int) -> str | None:
    return None if is_alive(port) else f"web does not answer on port {port}."


def _silent_service(redis_url: str, service: str) -> str | None:
    from shared.bus.connection import CONNECTION_LOST, connect_redis
    from shared.bus.heartbeat import SILENT_AFTER_SECONDS, lives_here

    try:
        lives = lives_here(connect_redis(redis_url, retries=False), service)
    except CONNECTION_LOST as error:
        return f"Redis does not answer: {error}."
    return None if lives else f"{service} gave no sign of life from here in {SILENT_AFTER_SECONDS} seconds."
