"""`recorder record`: save live prices to a file that `recorder replay` and `recorder up --feed replay` read."""

import sys
import time
from pathlib import Path

import click

from cli.live_source import live_source, whats_wrong

SAY_EVERY_SECONDS = 0.5


@click.command()
@click.option("--feed", required=True, metavar="NAME[,NAME]", help="coinbase, kraken, tradovate, tradingview.")
@click.option("--symbols", required=True, metavar="A[,B]", help="What to follow, like BTCUSD,MNQ1!")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.csv|.parquet")
@click.option("--seconds", type=click.IntRange(1), help="When to stop.  [default: at Ctrl-C]")
def record(feed: str, symbols: str, out: Path, seconds: int | None) -> None:
    """Save live prices, gaps included, until Ctrl-C; what was written until then is a whole file."""
    from cli.ticks_writer import TicksWriter

    end = None if seconds is None else time.monotonic() + seconds
    names = symbols.replace(",", " ").split()
    with live_source(feed, names) as prices, TicksWriter(out) as file:
        say_at = 0.0
        try:
            while end is None or time.monotonic() < end:
                file.write(prices.next_batch(0.25))
                if time.monotonic() >= say_at:
                    say_at = time.monotonic() + SAY_EVERY_SECONDS
                    _say(file.ticks, file.gaps, "; ".join(whats_wrong(prices)))
        except KeyboardInterrupt:
            pass
    click.echo(f"\n{_counted(file.ticks, 'tick')} and {_counted(file.gaps, 'gap')} in {out}.", err=True)
    if not file.ticks:
        sys.exit(1)


def _say(ticks: int, gaps: int, trouble: str) -> None:
    """Write the line of progress over the one before."""
    click.echo(f"\r\033[K{_counted(ticks, 'tick')}, {_counted(gaps, 'gap')}  {trouble}"[:200], nl=False, err=True)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
