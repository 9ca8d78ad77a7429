"""What another worker brings: ticks with one and with two TP/SL workers."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median

from cli.bench.backlog import Backlogs
from cli.bench.market import SYMBOLS
from cli.bench.results import RATIO, Goal, Result
from cli.bench.run import Run
from cli.bench.stand import Stand, open_stand
from cli.bench.watched import WatchedMarket

NO_WORSE = Goal(figure=RATIO, least=1)
PAUSE_SECONDS = 1.0


def measure(run: Run) -> Iterator[Result]:
    """Yield the cases of everything that can have more workers."""
    yield from _ticks(run)


def _ticks(run: Run) -> Iterator[Result]:
    """Take backlogs with one worker and with two, in turns; every symbol's last tick stops out a position."""
    ticks, counts = run.size(50_000, smoke=1000), (1, 2)
    with open_stand() as stand:
        watched = WatchedMarket(stand, most=run.size(500, smoke=5) + len(counts) * 2 * run.rounds)
        backlogs = Backlogs(stand.redis, watched, SYMBOLS, len(counts) * 2 * run.rounds)
        watched.open_varied(run.size(500, smoke=5))
        rates: dict[int, list[float]] = {count: [] for count in counts}
        for number in range(run.rounds):
            for count in counts:
                run.say(f"ticks with {count} TP/SL workers, round {number + 1} of {run.rounds}")
                rates[count].append(_rate(stand, watched, backlogs, ticks, count))
    for count in counts:
        yield Result(
            case=f"ticks, {count} TP/SL workers",
            figures={"ticks_per_second": median(rates[count])},
            baseline={} if count == 1 else {"ticks_per_second": median(rates[1])},
            goals=() if count == 1 else (NO_WORSE,),
        )


def _rate(stand: Stand, watched: WatchedMarket, backlogs: Backlogs, ticks: int, count: int) -> float:
    """Return the rate of the second of two backlogs."""
    with ExitStack() as running:
        workers = [running.enter_context(stand.service("tpsl-worker")) for _ in range(count)]
        watched.wait_until_watched()
        backlogs.drain(ticks, workers)
        time.sleep(PAUSE_SECONDS)
        return ticks / backlogs.drain(ticks, workers).seconds
