"""The command behind `make chaos`."""

import json
import sys
import time
from typing import Any

import click

from tests.chaos.options import Options
from tests.chaos.run import run_chaos


@click.command()
@click.option("--seconds", type=click.FloatRange(10), default=300.0, show_default=True, help="How long the load lasts.")
@click.option("--seed", type=int, help="Which alerts and faults.  [default: the time]")
@click.option("--recorders", type=click.IntRange(1), default=200, show_default=True)
@click.option("--rate", type=click.FloatRange(1), default=100.0, show_default=True, help="Webhooks a second.")
@click.option("--only", multiple=True, metavar="KIND", help="Faults whose names begin so; none: no fault at all.")
@click.option("--acts/--no-acts", default=True, help="Edit settings, close by hand and void, too.")
@click.option("--keep", is_flag=True, help="Keep the directory of a run that went well.")
def main(seed: int | None, only: tuple[str, ...], **given: Any) -> None:
    """Run the whole system under load while it breaks, and check what it recorded; one JSON object on stdout."""
    options = Options(seed=int(time.time()) if seed is None else seed, only=only or ("",), **given)
    outcome = run_chaos(options, lambda text: click.echo(text, err=True))
    click.echo(json.dumps(outcome.result))
    for each in outcome.shortcomings:
        click.echo(f"not good enough: {each}", err=True)
    if outcome.directory:
        click.echo(f"kept: {outcome.directory}", err=True)
    sys.exit(bool(outcome.shortcomings))


if __name__ == "__main__":
    main()
