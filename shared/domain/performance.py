"""What a set of trades amounts to: net profit, profit factor, win rate and drawdowns; it loads nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from shared.domain.money import quotient
from shared.domain.trades import Leg

NO_CLOSED_TRADE = "no closed trade yet"
NO_LOSING_TRADE = "no losing trade yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A statistic; where it is undefined its value is None and the reason says why."""

    value: Decimal | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one closed trade brought after costs, and when (ns, UTC)."""

    exited_at: int
    pnl: Decimal


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TickDrawdown:
    """The deepest fall of equity below its highest booked level, at any tick, as a positive amount.

    `at_most`: positions overlapped there, and each is taken at its own lowest, so the true fall may be smaller.
    `gaps` counts the positions that were open while prices were missing, `longest_gap_seconds` is the most that one of
    them missed, and `unseen` counts those that closed without a tick. With any of these, the true fall may be larger.
    """

    amount: Decimal
    at_most: bool
    gaps: int
    longest_gap_seconds: Decimal
    unseen: int

    @property
    def at_least(self) -> bool:
        """Whether the amount is a lower bound."""
        return self.gaps > 0 or self.unseen > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """The figures of a set of closed trades, in one currency."""

    trades: int
    wins: int
    net_profit: Decimal
    profit_factor: Figure
    win_rate: Figure
    closed_drawdown: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPoint:
    """Booked results up to a moment (ns, UTC), and how far they lie below their highest level: 0 or less."""

    at: int
    equity: Decimal
    underwater: Decimal


def summarize_trades(results: Iterable[Result]) -> Performance:
    """Compute the figures of closed trades; their order does not matter."""
    ordered = sorted(results, key=lambda result: result.exited_at)
    pnls = [result.pnl for result in ordered]
    won = sum((pnl for pnl in pnls if pnl > 0), Decimal(0))
    lost = -sum((pnl for pnl in pnls if pnl < 0), Decimal(0))
    wins = sum(pnl > 0 for pnl in pnls)
    return Performance(
        trades=len(pnls),
        wins=wins,
        net_profit=won - lost,
        profit_factor=_profit_factor(won, lost, len(pnls)),
        win_rate=Figure(value=quotient(Decimal(wins), len(pnls))) if pnls else _undefined(NO_CLOSED_TRADE),
        closed_drawdown=max((-point.underwater for point in equity_curve(ordered)), default=Decimal(0)),
    )


def equity_curve(results: Iterable[Result]) -> list[EquityPoint]:
    """Add up closed trades over time, from zero; trades that closed at one moment are one point."""
    booked: dict[int, Decimal] = {}
    for result in sorted(results, key=lambda each: each.exited_at):
        booked[result.exited_at] = booked.get(result.exited_at, Decimal(0)) + result.pnl
    equities = list(accumulate(booked.values()))
    peaks = accumulate(equities, max, initial=Decimal(0))
    next(peaks)
    return [
        EquityPoint(at=at, equity=equity, underwater=equity - peak)
        for at, equity, peak in zip(booked, equities, peaks, strict=True)
    ]


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


def _profit_factor(won: Decimal, lost: Decimal, trades: int) -> Figure:
    if lost > 0:
        return Figure(value=quotient(won, lost))
    return _undefined(NO_LOSING_TRADE if trades else NO_CLOSED_TRADE)


def _undefined(reason: str) -> Figure:
    return Figure(value=None, reason=reason)
