"""From the tick that reaches a stop to the commit that closes the position: one at a time, and thousands at once."""

import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from statistics import median
from typing import Self

from cli.bench.market import SYMBOLS
from cli.bench.positions import NEAR_TICKS
from cli.bench.results import Goal, Result
from cli.bench.run import Run, percentile
from cli.bench.stand import Stand, open_stand, wait_until
from cli.bench.watched import WatchedMarket
from shared.bus.announcements import PositionAnnouncements
from shared.store.database import Connection

TICKS_PER_SECOND = 1000
TURN_SECONDS = 0.005
TICKS_PER_EXIT = 50
MASS_STOP = NEAR_TICKS + 90  # beyond those that exit one by one, before all others
UPDATES = 200
HEARD_EVERY_SECONDS = 0.1
WITHIN_MS = Goal(figure="p99_ms", most=50)
WITHIN_SECONDS = Goal(figure="seconds", most=2)


def measure(run: Run) -> Iterator[Result]:
    """Stop positions out one by one while ticks come in, then thousands by one tick of their symbol."""
    singles, mass, others = run.size(15, smoke=1), run.size(5000, smoke=100), run.size(500, smoke=5)
    with open_stand() as stand:
        run.say("opening positions")
        watched = WatchedMarket(stand, most=singles + mass + others)
        stops = range(NEAR_TICKS + 1, NEAR_TICKS + 1 + singles)
        exits = list(zip(*(watched.open_stopped(symbol, stops) for symbol in SYMBOLS), strict=True))
        watched.open_varied(others)
        with stand.service("tpsl-worker"), Closings(stand) as closings:
            watched.wait_until_watched()
            run.say("exits one by one")
            yield _one_by_one(stand, watched, closings, dict(zip(stops, exits, strict=True)))
            run.say(f"{mass:,} exits at once")
            masses = {
                symbol: watched.open_stopped(symbol, [MASS_STOP], copies=mass) for symbol in SYMBOLS[: run.rounds]
            }
            watched.wait_until_watched()
            yield _at_once(stand, watched, closings, masses)


class Closings:
    """Notes when each change of a position was announced, which is after its commit."""

    def __init__(self, stand: Stand) -> None:
        self.heard_at: dict[int, float] = {}
        self._announcements = PositionAnnouncements(stand.settings.redis_url)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._announcements.next_batch(HEARD_EVERY_SECONDS)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._ended.set()
        self._thread.join()
        self._announcements.close()

    def wait_for(self, position_ids: Collection[int]) -> None:
        """Wait until each of these positions has closed."""
        wait_until(lambda: self.heard_at.keys() >= set(position_ids), f"{len(position_ids):,} exits")

    def _listen(self) -> None:
        while not self._ended.is_set():
            changes = self._announcements.next_batch(HEARD_EVERY_SECONDS)
            self.heard_at.update(dict.fromkeys((change.position_id for change in changes), time.perf_counter()))


def _one_by_one(stand: Stand, watched: WatchedMarket, closings: Closings, exits: dict[int, tuple[int, ...]]) -> Result:
    with stand.engine.connect() as connection:
        baseline = _updates_ms(connection)
        published_at = _publish_paced(watched, exits)
        closings.wait_for(published_at)
        baseline += _updates_ms(connection)
    delays = [(closings.heard_at[number] - at) * 1000 for number, at in published_at.items()]
    watched.positions -= len(delays)
    return Result(
        case=f"{TICKS_PER_SECOND:,} ticks/s, {watched.positions:,} positions",
        figures={"p99_ms": percentile(delays, 99), "p50_ms": median(delays), "exits": len(delays)},
        baseline={"p99_ms": percentile(baseline, 99), "p50_ms": median(baseline)},
        goals=(WITHIN_MS,),
    )


def _publish_paced(watched: WatchedMarket, exits: dict[int, tuple[int, ...]]) -> dict[int, float]:
    """Publish a walk at a steady rate, with a tick that stops one position out now and then; when each was, by id."""
    due = iter(
        [(stop, symbol, number) for stop, ids in exits.items() for symbol, number in zip(SYMBOLS, ids, strict=True)]
    )
    a_turn = int(TICKS_PER_SECOND * TURN_SECONDS)
    turns = sum(map(len, exits.values())) * TICKS_PER_EXIT // a_turn
    published_at, began = {}, time.perf_counter()
    for turn in range(turns):
        quotes = watched.market.walk(a_turn)
        time.sleep(max(0.0, began + turn * TURN_SECONDS - time.perf_counter()))
        if turn % (TICKS_PER_EXIT // a_turn) == 0:
            stop, symbol, number = next(due)
            quotes[-1] = watched.stop_out(symbol, stop)
            published_at[number] = time.perf_counter()
        watched.market.publish(quotes)
    return published_at


def _at_once(stand: Stand, watched: WatchedMarket, closings: Closings, masses: Mapping[str, Sequence[int]]) -> Result:
    subject, baseline = [], []
    for symbol, position_ids in masses.items():
        with stand.engine.connect() as connection:
            baseline.append(_update_seconds(connection, symbol))
        began = time.perf_counter()
        watched.market.publish([watched.stop_out(symbol, MASS_STOP)])
        closings.wait_for(position_ids)
        subject.append(max(closings.heard_at[number] for number in position_ids) - began)
    mass = len(position_ids)
    return Result(
        case=f"{mass:,} positions stopped out by one tick",
        figures={"seconds": median(subject), "us_per_exit": median(subject) / mass * 1e6},
        baseline={"seconds": median(baseline), "us_per_exit": median(baseline) / mass * 1e6},
        goals=(WITHIN_SECONDS,),
    )


def _updates_ms(connection: Connection) -> list[float]:
    """Time bare updates of one row, each with its commit."""
    connection.exec_driver_sql(_TOUCH_ONE)
    connection.commit()
    taken = []
    for _ in range(UPDATES):
        began = time.perf_counter()
        connection.exec_driver_sql(_TOUCH_ONE)
        connection.commit()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def _update_seconds(connection: Connection, symbol: str) -> float:
    """Time one bare update of all rows of a symbol, with its commit."""
    began = time.perf_counter()
    connection.exec_driver_sql(_TOUCH_SYMBOL, {"symbol": symbol})
    connection.commit()
    return time.perf_counter() - began


_TOUCH_ONE = "UPDATE recorders SET updated_at = clock_timestamp() WHERE id = (SELECT min(id) FROM recorders)"
_TOUCH_SYMBOL = (
    "UPDATE recorder_positions SET updated_at = clock_timestamp() WHERE ticker = %(symbol)s AND status = 'open'"
)
