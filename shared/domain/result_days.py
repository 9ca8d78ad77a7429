"""Trading days added up to what they came to together: the figures, the drawdown and the curve of any stretch of them.

A day says how results went within it, counted from its start, so days that are over need not be looked into again.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from msgspec import Struct

from shared.domain.performance import EquityPoint, Performance, TickDrawdown, performance_of

ZERO = Decimal(0)


class ResultDay(Struct, frozen=True, kw_only=True, gc=False):
    """What one trading day came to, of one recorder or of several, in one currency; money counts from its start.

    Of closed trades: how many, what was won and lost, the highest and lowest booked result and its deepest fall. Of
    positions, each at the lowest that it will be until its next fill: by how much the sum of these changed (`low`),
    the lowest it was, and its deepest fall below the highest booked result; `open` counts those that are open.
    """

    day: date
    currency: str
    trades: int
    wins: int
    won: Decimal
    lost: Decimal
    equity_high: Decimal
    equity_low: Decimal
    equity_fall: Decimal
    last_closed_at: int | None
    low_change: Decimal
    low_lowest: Decimal
    open_at_lowest: int
    booked_change: Decimal
    booked_high: Decimal
    fall: Decimal
    open_at_fall: int
    open_change: int
    gaps: int
    longest_gap_seconds: Decimal
    unseen: int


def summarize_days(days: Sequence[ResultDay]) -> Performance:
    """Compute the figures of the trades that closed in some days, in their order; nothing came before them."""
    equity = peak = deepest = ZERO
    for day in days:
        deepest = max(deepest, day.equity_fall, peak - (equity + day.equity_low))
        peak = max(peak, equity + day.equity_high)
        equity += day.won - day.lost
    return performance_of(
        trades=sum(day.trades for day in days),
        wins=sum(day.wins for day in days),
        won=sum((day.won for day in days), ZERO),
        lost=sum((day.lost for day in days), ZERO),
        closed_drawdown=deepest,
    )


def drawdown_of_days(days: Sequence[ResultDay]) -> TickDrawdown:
    """Find the deepest fall below the highest booked equity in some days, at every tick."""
    low = booked = peak = deepest = ZERO
    open_positions, at_most = 0, False
    for day in days:
        falls = (
            (booked - low + day.fall, day.open_at_fall),
            (peak - (low + day.low_lowest), day.open_at_lowest),
        )
        for fall, overlapping in falls:
            if fall > deepest:
                deepest, at_most = fall, open_positions + overlapping > 1
        peak = max(peak, booked + day.booked_high)
        low += day.low_change
        booked += day.booked_change
        open_positions += day.open_change
    return TickDrawdown(
        amount=deepest,
        at_most=at_most,
        gaps=sum(day.gaps for day in days),
        longest_gap_seconds=max((day.longest_gap_seconds for day in days), default=ZERO),
        unseen=sum(day.unseen for day in days),
    )


def curve_of_days(days: Sequence[ResultDay]) -> list[EquityPoint]:
    """Give each day's lowest, highest and last booked result."""
    return [point for of_day in _points_of_days(days) for point in of_day]


def ends_of_days(days: Sequence[ResultDay]) -> list[EquityPoint]:
    """Give each day's last booked result."""
    return [last for _, _, last in _points_of_days(days)]


def _points_of_days(days: Sequence[ResultDay]) -> Iterator[tuple[EquityPoint, EquityPoint, EquityPoint]]:
    equity = peak = ZERO
    for day in days:
        if day.last_closed_at is None:
            continue
        low, high, last = equity + day.equity_low, equity + day.equity_high, equity + day.won - day.lost
        deepest = -max(day.equity_fall, peak - low)
        peak = max(peak, high)
        at, equity = day.last_closed_at, last
        yield (
            EquityPoint(at=at, equity=low, underwater=deepest),
            EquityPoint(at=at, equity=high, underwater=high - peak),
            EquityPoint(at=at, equity=last, underwater=last - peak),
        )
