"""Taking alerts: how many a second a web process answers, and how soon while 200 a second come."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from sqlalchemy import text

from cli.bench.alerts import alerts, paced, send
from cli.bench.http_load import Address, Request
from cli.bench.results import Goal, Result
from cli.bench.run import Run, medians_in_turns, percentile
from cli.bench.stand import BenchFailed, Stand, open_stand
from cli.bench.traders import add_trader
from cli.bench.web_services import serving, serving_bare

AT_ONCE = 8
A_SECOND = 200
RECORDERS = 100


def measure(run: Run) -> Iterator[Result]:
    """Compare with the same WSGI server and a view that does nothing, and with one that inserts and commits a row."""
    with open_stand() as stand, ExitStack() as services:
        tokens = add_trader(stand, "trader", RECORDERS)
        with stand.engine.begin() as connection:
            connection.execute(text("CREATE TABLE bare_alerts (id bigint GENERATED ALWAYS AS IDENTITY, body bytea)"))
        subject = services.enter_context(serving(stand))
        nothing, inserting = (services.enter_context(serving_bare(stand, view)) for view in ("nothing", "inserting"))
        for case, keep_alive in (("new connections", False), ("kept connections", True)):
            floods = [_flood(run, each, tokens, keep_alive=keep_alive) for each in (subject, nothing, inserting)]
            yield from _throughput(run, case, floods)
        run.say(f"sending {A_SECOND} a second")
        yield _paced(run, subject, inserting, tokens)
        _expect_all_stored(stand)


def _throughput(run: Run, case: str, floods: Sequence[Callable[[], float]]) -> Iterator[Result]:
    run.say(case)
    for flood in floods:
        flood()  # once for nothing: connections and caches
    ours, nothing, inserting = medians_in_turns(run.rounds, *floods)
    for baseline, least, rate in (("a view that does nothing", 0.45, nothing), ("one that inserts", 0.8, inserting)):
        yield Result(
            case=f"{case}, against {baseline}",
            figures={"alerts_per_second": ours},
            baseline={"alerts_per_second": rate},
            goals=(Goal(figure="ratio", least=least),),
        )


def _flood(run: Run, address: Address, tokens: Sequence[str], *, keep_alive: bool) -> Callable[[], float]:
    """Return what sends as fast as answers come, over eight connections at a time; it returns answers a second."""
    count = run.size(1500, smoke=100)

    def flood() -> float:
        requests = [Request(sent=each) for each in alerts(address, tokens, count=count, keep_alive=keep_alive)]
        start, answers = send(address, requests, connections=AT_ONCE, keep_alive=keep_alive)
        return count / (max(answer.ended for answer in answers) - start)

    return flood


def _paced(run: Run, subject: Address, inserting: Address, tokens: Sequence[str]) -> Result:
    count = run.size(10 * A_SECOND, smoke=A_SECOND)
    figures = []
    for address in (inserting, subject):
        requests = paced(alerts(address, tokens, count=count, keep_alive=False), A_SECOND)
        _, answers = send(address, requests, connections=count, keep_alive=False)
        times = [answer.milliseconds for answer in answers]
        figures.append({"p50_ms": percentile(times, 50), "p99_ms": percentile(times, 99)})
    baseline, ours = figures
    return Result(
        case=f"{A_SECOND} a second, against one that inserts",
        figures=ours,
        baseline=baseline,
        goals=(Goal(figure="p99_ms", most=25),),
    )


def _expect_all_stored(stand: Stand) -> None:
    with stand.engine.connect() as connection:
        found = connection.execute(text("SELECT status, count(*) FROM recorded_signals GROUP BY status")).all()
    if [row.status for row in found] != ["accepted"]:
        raise BenchFailed(f"not all alerts were stored as accepted: {found}")
