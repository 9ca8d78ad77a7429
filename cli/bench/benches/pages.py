"""What a trader with a long history waits for: pages and answers of the API, with a million trades in Postgres."""

import time
from collections.abc import Iterator, Sequence

from sqlalchemy import text

from cli.bench.history import add_histories
from cli.bench.http_load import Address, HttpLoad, Request, get
from cli.bench.results import Goal, Result
from cli.bench.run import Run, percentile
from cli.bench.stand import BenchFailed, Stand, open_stand, wait_until
from cli.bench.traders import add_trader
from cli.bench.web_services import log_in, serving
from shared.store.trade_list import TradeFilter, list_trades

OK = 200
TRADER = "trader"
PAGE = 50
FAR = 500


def measure(run: Run) -> Iterator[Result]:
    """Compare with SELECT 1 over one connection; the trader who looks has most of 10,000 recorders and their trades."""
    size = run.size(100, smoke=1)
    count = run.size(60, smoke=10)
    with open_stand() as stand:
        run.say(f"making {10_000 * size:,} trades of {100 * size:,} recorders")
        own = add_trader(stand, TRADER, 90 * size)
        for number in range(4):
            add_trader(stand, f"other {number}", 250 * size // 100 or 1)
        others = {f"other {number}": 125 * size for number in range(4)}
        add_histories(stand, {TRADER: 7500 * size, **others}, held=len(own) // 40)
        bare = _select_one(stand, 1000)
        with serving(stand) as web:
            cookie = log_in(web, TRADER)
            yield _result("dashboard, history not added up", _times(web, "/", cookie, count), bare)
            with stand.service("recorder-worker"):
                yield _adding_up(stand)
            for name, path in _paths(stand, min(FAR, 100 * size)).items():
                run.say(name)
                yield _result(name, _times(web, path, cookie, count), bare)


def _result(case: str, times: Sequence[float], bare: Sequence[float]) -> Result:
    return Result(
        case=case,
        figures={"p50_ms": percentile(times, 50), "p99_ms": percentile(times, 99)},
        baseline={"p50_ms": percentile(bare, 50), "p99_ms": percentile(bare, 99)},
        compared="p99_ms",
        goals=(Goal(figure="p99_ms", most=100),),
    )


def _adding_up(stand: Stand) -> Result:
    """Wait until a recorder worker has settled every day that is over; the baseline adds all trades up once."""
    with stand.engine.connect() as connection:
        began = time.perf_counter()
        connection.execute(text("SELECT recorder_id, sum(pnl) FROM recorded_trades GROUP BY recorder_id")).all()
        bare = time.perf_counter() - began
        began = time.perf_counter()
        wait_until(lambda: connection.execute(_ADDED_UP).scalar_one(), "adding up", patience_seconds=300)
    return Result(
        case="adding up the history", figures={"seconds": time.perf_counter() - began}, baseline={"seconds": bare}
    )


_ADDED_UP = text("SELECT coalesce(every(total_through IS NOT NULL), false) FROM result_scopes")


def _paths(stand: Stand, far: int) -> dict[str, str]:
    return {
        "dashboard": "/",
        "trades, first page": "/trades",
        f"trades, page {far}": f"/trades?sort=-opened&cursor={_cursor_of_page(stand, far)}",
        "positions": "/positions",
        "recorders": "/recorders",
        "equity by closing": "/api/v1/equity",
        "equity by day": "/api/v1/equity?by=day",
        "metrics": "/api/v1/metrics",
    }


def _cursor_of_page(stand: Stand, page: int) -> str:
    """Find what leads to a page, as somebody who clicked through all pages before it would."""
    with stand.engine.connect() as connection:
        user_id = connection.execute(text("SELECT id FROM users WHERE name = :name"), {"name": TRADER}).scalar_one()
        rows = list_trades(connection, user_id, TradeFilter(), limit=(page - 1) * PAGE)
    if rows.next_cursor is None:
        raise BenchFailed(f"there is no page {page}")
    return rows.next_cursor


def _times(web: Address, path: str, cookie: str, count: int) -> Sequence[float]:
    """Ask again and again, one after the other, and once before; returns milliseconds."""
    request = Request(sent=get(web, path, cookie))
    load = HttpLoad(web, connections=1, keep_alive=False)
    try:
        _, answers = load.send([request] * (count + 1))
    finally:
        load.close()
    if any(answer.status != OK for answer in answers):
        raise BenchFailed(f"{path} was answered with { ({answer.status for answer in answers}) }")
    return [answer.milliseconds for answer in answers[1:]]


def _select_one(stand: Stand, count: int) -> list[float]:
    times = []
    with stand.engine.connect() as connection:
        for _ in range(count):
            began = time.perf_counter()
            connection.execute(text("SELECT 1")).scalar_one()
            times.append((time.perf_counter() - began) * 1000)
    return times
