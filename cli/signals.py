"""Signals from the command line: what TradingView would post."""

import urllib.error
import urllib.request
from pathlib import Path

import click

from cli.environment import data_option, settings_for
from cli.refusals import Refused

ANSWER_WITHIN_SECONDS = 10


class NoAnswer(Exception):
    """The web service did not answer."""


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


def post_signal(url: str, body: str) -> tuple[int, str]:
    """Post a webhook body; returns status and answer, whichever they are; raises NoAnswer."""
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "text/plain; charset=utf-8"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_SECONDS) as answer:  # noqa: S310 - http, our own
            return answer.status, answer.read().decode().strip()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode().strip()
    except OSError as error:
        raise NoAnswer(str(error)) from error


def webhook_url(port: int, webhook_token: str) -> str:
    """Give the address at which this machine takes a recorder's signals."""
    return f"http://127.0.0.1:{port}/webhook/{webhook_token}"
