"""A bar closes: an alert for each of 5,000 recorders at once, with all services running."""

from collections.abc import Iterator

from cli.bench.bursts import burst, insert_at_once
from cli.bench.results import Goal, Result
from cli.bench.run import Run
from cli.bench.stand import open_stand
from cli.bench.traders import add_trader


def measure(run: Run) -> Iterator[Result]:
    """Compare with inserting as many rows with one executemany."""
    count = run.size(5000, smoke=200)
    with open_stand() as stand:
        tokens = add_trader(stand, "trader", count)
        bare = insert_at_once(stand)
        run.say(f"{count:,} alerts at once")
        done = burst(stand, tokens, workers=1)
    yield Result(
        case=f"{count:,} alerts at once",
        figures={"recorded_seconds": done.recorded, "slowest_answer_seconds": done.slowest_answer},
        baseline={"recorded_seconds": bare},
        goals=(Goal(figure="slowest_answer_seconds", most=3), Goal(figure="recorded_seconds", most=5)),
    )
