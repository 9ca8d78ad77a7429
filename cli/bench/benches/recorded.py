"""From sending an alert to its position being committed, while 100 a second come and all services run."""

from collections.abc import Iterator

from cli.bench.alerts import alerts, paced, send
from cli.bench.recording import acquaint, expect_recorded, recorder_ids, recording
from cli.bench.results import Goal, Result
from cli.bench.run import Run, percentile
from cli.bench.stand import open_stand
from cli.bench.traders import add_trader

A_SECOND = 100


def measure(run: Run) -> Iterator[Result]:
    """Compare with the time that the answers take; each alert is for another recorder."""
    count = run.size(20 * A_SECOND, smoke=A_SECOND)
    with open_stand() as stand:
        tokens = add_trader(stand, "trader", count)
        with recording(stand) as system:
            acquaint(system, tokens)
            run.say(f"sending {A_SECOND} a second")
            sent = alerts(system.web, tokens, count=count)
            _, answers = send(system.web, paced(sent, A_SECOND), connections=count)
            system.wait_for(count)
        expect_recorded(stand, count)
        committed = dict(system.commits.seen)
        recorded = [committed[recorder_id] for recorder_id in recorder_ids(stand)]
    times = [(at - answer.began) * 1000 for at, answer in zip(recorded, answers, strict=True)]
    answered = [answer.milliseconds for answer in answers]
    yield Result(
        case=f"{A_SECOND} a second, against the answers",
        figures={"p50_ms": percentile(times, 50), "p99_ms": percentile(times, 99)},
        baseline={"p50_ms": percentile(answered, 50), "p99_ms": percentile(answered, 99)},
        goals=(Goal(figure="p99_ms", most=100),),
    )
