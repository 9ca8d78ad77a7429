"""`recorder bench`: runs benches one after the other, and says what came of them."""

import json
from functools import partial
from importlib import import_module

import click

from cli.bench.benches import NAMES
from cli.bench.results import as_json, table
from cli.bench.run import Run


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES), metavar="[NAME ...]")
@click.option("--smoke", is_flag=True, help="Small sizes and a few seconds, to see that the benches work.")
def bench(names: tuple[str, ...], *, smoke: bool) -> None:
    """Measure the paths that matter against bare baselines; one JSON object a line.

    All of them without a NAME, in under 15 minutes. What is under way, and a table of the results at the end, go to
    standard error. docs/performance.md explains each figure.
    """
    lines = []
    for name in names or NAMES:
        run = Run(smoke=smoke, say=partial(_say, name))
        for result in import_module(f"cli.bench.benches.{name}").measure(run):
            lines.append(as_json(name, result, smoke=smoke))
            click.echo(json.dumps(lines[-1], ensure_ascii=False))
    click.echo(f"\n{table(lines)}", err=True)


def _say(name: str, said: str) -> None:
    click.echo(f"{name}: {said}", err=True)
