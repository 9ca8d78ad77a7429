"""Closed trades and the moves of positions, added up to trading days, as `result_days` goes on with them.

Postgres does the same where days are settled (`shared.store.day_summaries`); the tests hold one against the other.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from operator import attrgetter, sub
from typing import Any, TypeVar

from msgspec import Struct

from shared.domain.performance import Result
from shared.domain.result_days import ZERO, ResultDay
from shared.domain.timestamps import from_datetime, to_datetime
from shared.domain.trading_day import trading_day, trading_day_start


class Move(Struct, frozen=True, gc=False):
    """What changes for a position from one moment on (ns, UTC), where a leg of it begins or it closes.

    `low`: its lowest result until its next move, `booked`: what it has booked, `open`: whether it counts as open, each
    less what it was before. `gap_seconds` and `unseen` say what was missed of it; only its last move tells.
    """

    at: int
    low: Decimal
    booked: Decimal
    open: int
    gap_seconds: Decimal = ZERO
    unseen: bool = False


Happened = TypeVar("Happened", Result, Move)


def days_of(currency: str, results: Iterable[Result], moves: Iterable[Move]) -> list[ResultDay]:
    """Add up what happened in one currency, day by day; moves of one moment count in the order given."""
    closed, moved = _by_day(results, attrgetter("exited_at")), _by_day(moves, attrgetter("at"))
    return [
        ResultDay(day=day, currency=currency, **_booked(closed.get(day, ())), **_course(moved.get(day, ())))
        for day in sorted(closed.keys() | moved.keys())
    ]


def _by_day(happened: Iterable[Happened], moment: Callable[[Happened], int]) -> dict[date, list[Happened]]:
    ordered = sorted(happened, key=moment)
    moments = list(map(moment, ordered))
    found: dict[date, list[Happened]] = {}
    begin = 0
    while begin < len(ordered):
        day = trading_day(to_datetime(moments[begin]))
        end = bisect_left(moments, from_datetime(trading_day_start(day + timedelta(days=1))), begin)
        found[day] = ordered[begin:end]
        begin = end
    return found


def _booked(results: Sequence[Result]) -> dict[str, Any]:
    """Sum up closed trades; those of one moment are booked together."""
    booked: dict[int, Decimal] = defaultdict(Decimal)
    for each in results:
        booked[each.exited_at] += each.pnl
    equities = list(accumulate(booked.values())) or [ZERO]
    peaks = list(accumulate(equities, max, initial=ZERO))[1:]
    won = [each.pnl for each in results if each.pnl > 0]
    return {
        "trades": len(results),
        "wins": len(won),
        "won": sum(won, ZERO),
        "lost": -sum((each.pnl for each in results if each.pnl < 0), ZERO),
        "equity_high": max(equities),
        "equity_low": min(equities),
        "equity_fall": max(map(sub, peaks, equities)),
        "last_closed_at": results[-1].exited_at if results else None,
    }


def _course(moves: Sequence[Move]) -> dict[str, Any]:
    """Follow the sum of what positions were worth at their lowest, below the highest that was booked before."""
    lows = list(accumulate([each.low for each in moves])) or [ZERO]
    booked = list(accumulate([each.booked for each in moves])) or [ZERO]
    held = list(accumulate([each.open for each in moves])) or [0]
    peaks = list(accumulate(booked, max, initial=ZERO))[1:]
    falls = list(map(sub, peaks, lows))
    lowest, fall = min(lows), max(falls)
    missed = [each.gap_seconds for each in moves if each.gap_seconds > 0]
    return {
        "low_change": lows[-1],
        "low_lowest": lowest,
        "open_at_lowest": held[lows.index(lowest)],
        "booked_change": booked[-1],
        "booked_high": max(booked),
        "fall": fall,
        "open_at_fall": held[falls.index(fall)],
        "open_change": held[-1],
        "gaps": len(missed),
        "longest_gap_seconds": max(missed, default=ZERO),
        "unseen": len([each for each in moves if each.unseen]),
    }
