"""Ticks through a running TP/SL worker, of 20 symbols in which few, many and very many positions are open.

A single position would have the worker follow its symbol alone, so few means one in each.
"""

import time
from collections.abc import Iterator
from statistics import median

from cli.bench.backlog import Backlogs, Drain, Listener, asleep, time_drain
from cli.bench.bare_subscriber import COUNTED
from cli.bench.market import SYMBOLS
from cli.bench.results import Goal, Result
from cli.bench.run import Run
from cli.bench.stand import Stand, open_stand
from cli.bench.watched import WatchedMarket
from shared.bus.tick_log import stream_of

OF_ITS_RATE = Goal(figure="ratio", least=0.8)
COST_OF_MANY = Goal(figure="times_the_cost_of_the_fewest", most=1.25)
PAUSE_SECONDS = 1
WARM_UPS = 1  # rounds that do not count
ROUNDS = 9  # half a second each, and a virtual machine's cores are half as fast again from one to the next


def measure(run: Run) -> Iterator[Result]:
    """Let a backlog wait for worker and subscriber, and wake up one after the other."""
    ticks, sizes = run.size(50_000, smoke=1000), (1, 5) if run.smoke else (1, 50, 5000)
    backlogs = WARM_UPS + run.size(ROUNDS, smoke=1)
    with open_stand() as stand:
        watched = WatchedMarket(stand, most=sizes[-1] + backlogs * len(sizes))
        canaries = Backlogs(stand.settings.redis_url, watched, SYMBOLS[:1], backlogs * len(sizes))
        cheapest, held = None, 0
        for size in sizes:
            run.say(f"{size * len(SYMBOLS):,} positions")
            watched.open_varied(size - held)
            held = size
            subject, baseline = _rounds(run, stand, watched, canaries, ticks, backlogs)
            cheapest = cheapest or subject["cpu_us_per_tick"]
            yield Result(
                case=f"{size * len(SYMBOLS):,} positions, {len(SYMBOLS)} symbols",
                figures=subject | {COST_OF_MANY.figure: subject["cpu_us_per_tick"] / cheapest},
                baseline=baseline,
                goals=(OF_ITS_RATE, COST_OF_MANY),
            )


def _rounds(
    run: Run, stand: Stand, watched: WatchedMarket, canaries: Backlogs, ticks: int, backlogs: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the figures of the worker and of the subscriber."""
    counted = Listener(stand.redis, COUNTED)
    channels = [stream_of(symbol) for symbol in SYMBOLS]
    with (
        stand.service("tpsl-worker") as worker,
        stand.process("subscriber", "-m", "cli.bench.bare_subscriber", str(ticks), *channels) as subscriber,
    ):
        watched.wait_until_watched()
        subject, baseline = [], []
        for number in range(backlogs):
            run.say(f"round {number} of {backlogs - WARM_UPS}")
            with asleep([subscriber]):
                subject.append(canaries.drain(ticks, [worker]))
            with asleep([worker]):
                baseline.append(time_drain([subscriber], counted, 1))
            time.sleep(run.size(PAUSE_SECONDS, smoke=0))
        return _figures(subject[WARM_UPS:], ticks), _figures(baseline[WARM_UPS:], ticks)


def _figures(drains: list[Drain], ticks: int) -> dict[str, float]:
    return {
        "ticks_per_second": ticks / median(drain.seconds for drain in drains),
        "cpu_us_per_tick": median(drain.cpu_seconds for drain in drains) / ticks * 1e6,
    }
