"""From a message of a source of prices to the published tick, as fast as the feed takes them."""

import time
from collections.abc import Iterator

from cli.bench.results import Goal, Result
from cli.bench.run import Run, medians_in_turns
from cli.bench.source import SourceClient, TickSource
from cli.bench.stand import PATIENCE_SECONDS, Stand, open_stand, wait_until
from shared.bus.tick_log import stream_of

INDICES = [f"CME_MINI:{root}1!" for root in ("MNQ", "NQ", "MES", "ES", "RTY", "M2K")]
NAMES = [*INDICES, "COMEX:GC1!", "NYMEX:CL1!", "NYMEX:NG1!", "CME:6E1!"]
SYMBOLS = [name.partition(":")[2] for name in NAMES]
WARM_UP = 5000
GOALS = (Goal(figure="ratio", least=0.5), Goal(figure="ticks_per_second", least=20_000))


def measure(run: Run) -> Iterator[Result]:
    """Send prices as fast as they are taken, to the feed and to a client that discards them, in turns."""
    count = run.size(50_000, smoke=2000)
    with open_stand() as stand, TickSource() as source:
        variables = {"FEED": "tradingview", "FEED_SYMBOLS": ",".join(SYMBOLS), "TRADINGVIEW_URL": source.url}
        with stand.service("price-feed", **variables):
            client = source.accept()
            client.begin(NAMES)
            _feed_seconds(stand, client, min(count, WARM_UP))
            run.say(f"rounds of {count:,} prices")
            baseline, subject = medians_in_turns(
                run.rounds,
                lambda: count / _bare_seconds(stand, source, count),
                lambda: count / _feed_seconds(stand, client, count),
            )
    yield Result(
        case=f"{len(SYMBOLS)} symbols, a price in a message",
        figures={"ticks_per_second": subject},
        baseline={"ticks_per_second": baseline},
        goals=GOALS,
    )


def _feed_seconds(stand: Stand, client: SourceClient, count: int) -> float:
    """Send prices and wait until each is in the log, which is published in the same step."""
    messages, before = client.prices(NAMES, count), _published(stand)
    began = time.perf_counter()
    client.send(messages)
    wait_until(lambda: _published(stand) >= before + count, f"{count:,} ticks in the log")
    return time.perf_counter() - began


def _bare_seconds(stand: Stand, source: TickSource, count: int) -> float:
    with stand.process("bare_websocket", "-m", "cli.bench.bare_websocket", source.url, str(count)) as process:
        client = source.accept()
        messages = client.prices(NAMES, count)
        began = time.perf_counter()
        client.send(messages)
        process.wait(PATIENCE_SECONDS)
        taken = time.perf_counter() - began
        client.close()
        return taken


def _published(stand: Stand) -> int:
    """How many entries the log has."""
    with stand.redis.pipeline(transaction=False) as pipeline:
        for symbol in SYMBOLS:
            pipeline.xlen(stream_of(symbol))
        return sum(pipeline.execute())
