"""Figures and drawdowns from single trades and legs: what the sums of trading days are held against."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.domain.performance import Performance, Result, TickDrawdown, equity_curve, performance_of
from shared.domain.trades import Leg


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How the result of one position went, leg by leg, until it closed (None: still open).

    Courses of positions that opened later have higher numbers. `gap_seconds`: how long it was open without prices.
    """

    number: int
    legs: Sequence[Leg]
    realized_pnl: Decimal
    closed_at: int | None
    ticks_seen: int = 1
    gap_seconds: Decimal = Decimal(0)


def summarize_trades(results: Iterable[Result]) -> Performance:
    """Compute the figures of closed trades; their order does not matter."""
    ordered = sorted(results, key=lambda result: result.exited_at)
    pnls = [result.pnl for result in ordered]
    return performance_of(
        trades=len(pnls),
        wins=sum(pnl > 0 for pnl in pnls),
        won=sum((pnl for pnl in pnls if pnl > 0), Decimal(0)),
        lost=-sum((pnl for pnl in pnls if pnl < 0), Decimal(0)),
        closed_drawdown=max((-point.underwater for point in equity_curve(ordered)), default=Decimal(0)),
    )


def tick_drawdown(courses: Iterable[Course]) -> TickDrawdown:
    """Find the deepest fall below the highest booked equity from the legs of positions.

    Exact for positions that follow one another. Legs do not tell when within them the lowest result was, so where
    positions overlap, all are taken at their lowest at once. An open position that has not seen its first tick is as
    complete as it can be; only a closed one counts as unseen.
    """
    courses = list(courses)
    lowest: dict[int, Decimal] = {}  # of the positions in a leg: its lowest result
    low = booked = peak = deepest = Decimal(0)
    realized: dict[int, Decimal] = {}
    at_most = False
    for step in sorted((step for course in courses for step in _steps(course)), key=lambda step: step.order):
        number = step.order[1]
        low += step.lowest - lowest.get(number, realized.get(number, Decimal(0)))
        booked += step.realized - realized.get(number, Decimal(0))
        realized[number] = step.realized
        if step.closes:
            lowest.pop(number, None)
        else:
            lowest[number] = step.lowest
        peak = max(peak, booked)
        if peak - low > deepest:
            deepest, at_most = peak - low, len(lowest) > 1
    gaps = [course.gap_seconds for course in courses if course.gap_seconds > 0]
    return TickDrawdown(
        amount=deepest,
        at_most=at_most,
        gaps=len(gaps),
        longest_gap_seconds=max(gaps, default=Decimal(0)),
        unseen=sum(course.closed_at is not None and course.ticks_seen == 0 for course in courses),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What a position contributes from one moment on; ordered by moment, position and leg."""

    order: tuple[int, int, int]
    lowest: Decimal
    realized: Decimal
    closes: bool


def _steps(course: Course) -> Iterable[_Step]:
    for leg in course.legs:
        yield _Step(
            order=(leg.started_at, course.number, leg.number),
            lowest=leg.lowest_result,
            realized=leg.realized_before,
            closes=False,
        )
    if course.closed_at is not None:
        last = max((leg.number for leg in course.legs), default=0)
        yield _Step(
            order=(course.closed_at, course.number, last + 1),
            lowest=course.realized_pnl,
            realized=course.realized_pnl,
            closes=True,
        )
