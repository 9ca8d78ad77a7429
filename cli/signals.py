"""Signals from the command line: what TradingView would post."""

from pathlib import Path

import click

from cli.environment import data_option, settings_for
from cli.refusals import Refused
from cli.web_client import NoAnswer, post_signal, webhook_url


@click.group()
def signal() -> None:
    """Signals."""


@signal.command("send")
@click.argument("webhook_token", metavar="TOKEN")
@click.argument("body")
@data_option
def send_signal(webhook_token: str, body: str, data: Path) -> None:
    """Post BODY to the webhook of TOKEN on this machine, as TradingView would, and print the answer."""
    port = settings_for(data).port
    try:
        status, answer = post_signal(webhook_url(port, webhook_token), body)
    except NoAnswer as error:
        raise Refused(f"The web service does not answer on port {port}: {error}.") from error
    click.echo(f"{status} {answer}")
    if status >= 400:  # noqa: PLR2004 - where HTTP's errors begin
        raise click.exceptions.Exit(1)
