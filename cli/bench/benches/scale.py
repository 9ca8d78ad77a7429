"""What another worker brings: ticks with one and with two TP/SL workers, bursts with up to four recorder workers."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median

from cli.bench.backlog import Backlogs
from cli.bench.bursts import burst
from cli.bench.market import SYMBOLS
from cli.bench.results import RATIO, Goal, Result
from cli.bench.run import Run
from cli.bench.stand import Stand, open_stand
from cli.bench.traders import add_trader
from cli.bench.watched import WatchedMarket

NO_WORSE = Goal(figure=RATIO, least=1)
PAUSE_SECONDS = 1.0
RECORDER_WORKERS = (2, 4)


def measure(run: Run) -> Iterator[Result]:
    """Yield the cases of everything that can have more workers."""
    yield from _ticks(run)
    yield from _bursts(run)


def _ticks(run: Run) -> Iterator[Result]:
    """Take backlogs with one worker and with two, in turns; every symbol's last tick stops out a position."""
    ticks, counts = run.size(50_000, smoke=1000), (1, 2)
    with open_stand() as stand:
        watched = WatchedMarket(stand, most=run.size(500, smoke=5) + len(counts) * 2 * run.rounds)
        backlogs = Backlogs(stand.settings.redis_url, watched, SYMBOLS, len(counts) * 2 * run.rounds)
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
        watched.wait_until_watched(workers=count)
        backlogs.drain(ticks, workers)
        time.sleep(PAUSE_SECONDS)
        return ticks / backlogs.drain(ticks, workers).seconds


def _bursts(run: Run) -> Iterator[Result]:
    """Compare the alerts that are recorded a second in a burst with those of one recorder worker."""
    count = run.size(2000, smoke=50)
    one = _alerts_per_second(run, count, workers=1)
    for workers in RECORDER_WORKERS[: run.size(2, smoke=1)]:
        yield Result(
            case=f"{count:,} alerts at once, {workers} recorder workers",
            figures={"recorded_per_second": _alerts_per_second(run, count, workers=workers)},
            baseline={"recorded_per_second": one},
            goals=(NO_WORSE,),
        )


def _alerts_per_second(run: Run, count: int, *, workers: int) -> float:
    run.say(f"{count:,} alerts at once, {workers} recorder workers")
    with open_stand() as stand:
        tokens = add_trader(stand, "trader", count)
        return count / burst(stand, tokens, workers=workers).recorded
