"""The tick path of a TP/SL worker without servers: what one tick costs where very many positions are open."""

import gc
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from random import Random

import psutil

from cli.bench.positions import MIDDLE, NEAR_TICKS, OPENED_AT, TICK, as_loaded, varied_positions
from cli.bench.results import Goal, Result
from cli.bench.run import Run, medians_in_turns
from services.tpsl_worker.book import SymbolBook
from shared.domain.ticks import PriceTick
from shared.store.positions import StoredPosition

SYMBOL = "MNQ1!"
PROTOTYPES = 2000
SETTLED_EVERY = 1000
TICKS_A_TURN = 10  # so many come together, as they do in a busy worker
GOALS = (Goal(figure="ticks_per_second", least=500_000), Goal(figure="bytes_per_position", most=1500))


def measure(run: Run) -> Iterator[Result]:
    """Push a random walk into a book that holds a million positions; the baseline compares each price with two."""
    count = run.size(1_000_000, smoke=PROTOTYPES)
    run.say(f"holding {count:,} positions")
    book, seconds, size = _book_of(count)
    run.say("pushing ticks")
    walk = _walk(run.size(1_000_000, smoke=20_000))
    rounds = run.size(5, smoke=1)
    parts = iter(_in_parts(walk, rounds))
    baseline, subject = medians_in_turns(
        rounds, lambda: _rate(_compare, walk[: len(walk) // rounds]), lambda: _rate(_pusher(book), next(parts))
    )
    yield Result(
        case=f"{count:,} positions",
        figures={"ticks_per_second": subject, "bytes_per_position": size / count, "us_to_hold": seconds / count * 1e6},
        baseline={"ticks_per_second": baseline},
        goals=GOALS,
    )


def _book_of(count: int) -> tuple[SymbolBook, float, int]:
    """Hold so many positions; returns the book, the seconds that holding took, and its memory in bytes."""
    prototypes = list(varied_positions(SYMBOL, PROTOTYPES))
    gc.collect()
    process, book = psutil.Process(), SymbolBook(start=1)
    before, seconds = process.memory_info().rss, 0.0
    for number, prototype in enumerate(prototypes):
        for copy, position in enumerate(as_loaded(prototype, count // PROTOTYPES)):
            key = copy * PROTOTYPES + number
            stored = StoredPosition(id=key, recorder_id=key, version=1, position=position)
            began = time.perf_counter()
            book.hold(stored, now=0.0)
            seconds += time.perf_counter() - began
        gc.freeze()  # as the worker does
    return book, seconds, process.memory_info().rss - before


def _walk(count: int) -> list[PriceTick]:
    """Make a random walk that stays near the middle."""
    rng, offset, ticks = Random(SYMBOL), 0, []  # noqa: S311 - the same one in every run
    for number in range(count):
        offset = max(-NEAR_TICKS, min(NEAR_TICKS, offset + rng.choice((-1, 1))))
        price = Decimal(str(MIDDLE + offset * TICK))
        ticks.append(PriceTick(symbol=SYMBOL, place=number + 2, occurred_at=OPENED_AT + number, price=price))
    return ticks


def _in_parts(walk: list[PriceTick], count: int) -> Iterator[list[PriceTick]]:
    size = len(walk) // count
    return (walk[start : start + size] for start in range(0, size * count, size))


def _rate(work: Callable[[list[PriceTick]], None], ticks: list[PriceTick]) -> float:
    began = time.perf_counter()
    work(ticks)
    return len(ticks) / (time.perf_counter() - began)


def _compare(ticks: list[PriceTick]) -> None:
    below, above, reached = MIDDLE - NEAR_TICKS, MIDDLE + NEAR_TICKS, 0
    for tick in ticks:
        if tick.price <= below or tick.price >= above:
            reached += 1


def _pusher(book: SymbolBook) -> Callable[[list[PriceTick]], None]:
    def push(ticks: list[PriceTick]) -> None:
        for start in range(0, len(ticks), SETTLED_EVERY):
            for first in range(start, start + SETTLED_EVERY, TICKS_A_TURN):
                book.push(ticks[first : first + TICKS_A_TURN], 0.0)
            book.settle(0.0)

    return push
