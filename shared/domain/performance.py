"""What a set of trades amounts to: net profit, profit factor, win rate and drawdowns; it loads nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from msgspec import Struct

from shared.domain.money import quotient

NO_CLOSED_TRADE = "no closed trade yet"
NO_LOSING_TRADE = "no losing trade yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A statistic; where it is undefined its value is None and the reason says why."""

    value: Decimal | None
    reason: str = ""


class Result(Struct, frozen=True, kw_only=True, gc=False):
    """What one closed trade brought after costs, and when (ns, UTC)."""

    exited_at: int
    pnl: Decimal


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


class EquityPoint(Struct, frozen=True, kw_only=True, gc=False):
    """Booked results up to a moment (ns, UTC), and how far they lie below their highest level: 0 or less."""

    at: int
    equity: Decimal
    underwater: Decimal


START = EquityPoint(at=0, equity=Decimal(0), underwater=Decimal(0))


def performance_of(*, trades: int, wins: int, won: Decimal, lost: Decimal, closed_drawdown: Decimal) -> Performance:
    """Compute the figures that follow from what was won and lost."""
    return Performance(
        trades=trades,
        wins=wins,
        net_profit=won - lost,
        profit_factor=_profit_factor(won, lost, trades),
        win_rate=Figure(value=quotient(Decimal(wins), trades)) if trades else _undefined(NO_CLOSED_TRADE),
        closed_drawdown=closed_drawdown,
    )


def equity_curve(results: Iterable[Result], after: EquityPoint = START) -> list[EquityPoint]:
    """Add up closed trades over time, going on from a point; trades that closed at one moment are one point."""
    booked: dict[int, Decimal] = {}
    for result in sorted(results, key=lambda each: each.exited_at):
        booked[result.exited_at] = booked.get(result.exited_at, Decimal(0)) + result.pnl
    equities = list(accumulate(booked.values(), initial=after.equity))
    peaks = list(accumulate(equities, max, initial=after.equity - after.underwater))
    return [
        EquityPoint(at=at, equity=equity, underwater=equity - peak)
        for at, equity, peak in zip(booked, equities[1:], peaks[2:], strict=True)
    ]


def _profit_factor(won: Decimal, lost: Decimal, trades: int) -> Figure:
    if lost > 0:
        return Figure(value=quotient(won, lost))
    return _undefined(NO_LOSING_TRADE if trades else NO_CLOSED_TRADE)


def _undefined(reason: str) -> Figure:
    return Figure(value=None, reason=reason)
