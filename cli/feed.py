"""`recorder feed`: try a source of live prices before recorders rely on it."""

import sys
import time

import click

from cli.live_source import live_source, whats_wrong

TIME_DIGITS = 6


@click.group()
def feed() -> None:
    """Try a source of live prices."""


@feed.command("test")
@click.argument("source")
@click.argument("symbol")
@click.option("--seconds", type=click.IntRange(1, 86_400), default=15, show_default=True, help="How long to wait.")
@click.option("--ticks", type=click.IntRange(1), default=10, show_default=True, help="How many are enough.")
def test_feed(source: str, symbol: str, seconds: int, ticks: int) -> None:
    """Connect to SOURCE and print prices of SYMBOL; exit 1, and say what is wrong, if none come.

    For example: recorder feed test coinbase BTCUSD
    """
    from shared.domain.quotes import Quote
    from shared.domain.timestamps import format_timestamp

    count, deadline = 0, time.monotonic() + seconds
    with live_source(source, [symbol]) as prices:
        while count < ticks and time.monotonic() < deadline:
            for message in prices.next_batch(0.25):
                if isinstance(message, Quote):
                    count += 1
                    moment = format_timestamp(message.occurred_at, TIME_DIGITS)
                    book = f"  bid {message.bid}  ask {message.ask}" if message.bid or message.ask else ""
                    click.echo(f"{moment}  {message.symbol}  {message.price}{book}")
        troubles, delays = whats_wrong(prices), _delays(prices.status()["symbols"])
    for sentence in (*delays, *(troubles if count == 0 else ())):
        click.echo(sentence, err=True)
    if count == 0:
        click.echo(f"No price of {symbol} in {seconds} s.", err=True)
        sys.exit(1)


def _delays(symbols: object) -> list[str]:
    late = [each for each in symbols if each.get("delay_seconds", 0) != 0] if isinstance(symbols, list) else []
    return [
        f"{each['symbol']}: prices are delayed by {each['delay_seconds'] or 'an unknown number of'} seconds."
        for each in late
    ]
