"""Statistics in words and cells: the figures at the top of a page, and the table by recorder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services.web.formatting import (
    AT_LEAST,
    AT_MOST,
    NO_VALUE,
    Cell,
    format_duration,
    format_money,
    format_number,
    format_percent,
    format_ratio,
    result_cell,
)
from shared.domain.performance import NO_CLOSED_TRADE, Figure, Performance, TickDrawdown
from shared.domain.result_days import ResultDay, drawdown_of_days, summarize_days

OVERLAP = "positions overlapped: each is taken at its own lowest"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFigure:
    """One of the large figures: its name, its value, and what stands below in small; `live` is its live cell."""

    name: str
    cell: Cell
    sub: str = ""
    live: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderLine:
    """A recorder in a table of results."""

    id: int
    name: str
    trades: Cell
    net: Cell
    drawdown: Cell
    closed_drawdown: Cell
    profit_factor: Cell
    win_rate: Cell


def large_figures(days: Sequence[ResultDay], today: date) -> list[ShownFigure]:
    """Show the five figures that say how it goes."""
    mixed = mixed_currencies(days)
    if mixed:
        return unknown_figures(mixed)
    currency = currencies(days)[0]
    performance, drawdown = summarize_days(days), drawdown_of_days(days)
    todays = summarize_days([day for day in days if day.day >= today])
    return [
        ShownFigure(name="Today", cell=result_cell(todays.net_profit, currency), sub=counted(todays.trades)),
        ShownFigure(
            name="Net profit", cell=result_cell(performance.net_profit, currency), sub=counted(performance.trades)
        ),
        ShownFigure(
            name="Max drawdown, every tick",
            cell=tick_drawdown_cell(drawdown, currency),
            sub=_beside(drawdown, performance, currency),
        ),
        ShownFigure(
            name="Profit factor", cell=_ratio(performance), sub=_ratio(performance).reason or "won for each lost"
        ),
        ShownFigure(
            name="Win rate",
            cell=_rate(performance),
            sub=_rate(performance).reason or f"{performance.wins} of {counted(performance.trades)}",
        ),
    ]


def unknown_figures(reason: str) -> list[ShownFigure]:
    """Show that there are figures, and why they are not known."""
    return [ShownFigure(name="Net profit", cell=result_cell(None, reason=reason), sub=reason)]


def recorder_lines(
    days: Mapping[int, Sequence[ResultDay]], names: Mapping[int, str], unknown: str
) -> list[RecorderLine]:
    """Show each recorder's results, in the order of the names; `unknown` says why some have no days."""
    return [
        _line(recorder_id, name, days[recorder_id]) if recorder_id in days else _unknown(recorder_id, name, unknown)
        for recorder_id, name in names.items()
    ]


def currencies(days: Sequence[ResultDay]) -> list[str]:
    """The currencies that closed trades are in, or where none is closed, one that something is in."""
    closed = {day.currency for day in days if day.trades}
    return sorted(closed) or sorted({day.currency for day in days})[:1] or ["USD"]


def mixed_currencies(days: Sequence[ResultDay]) -> str:
    """Say why results cannot be added up; empty if they can."""
    found = currencies(days)
    return f"results in {' and '.join(found)} do not add up" if len(found) > 1 else ""


def counted(trades: int) -> str:
    """Count trades in words."""
    return "1 trade" if trades == 1 else f"{format_number(trades)} trades"


def tick_drawdown_cell(drawdown: TickDrawdown, currency: str) -> Cell:
    """Show a drawdown at tick precision; a bound says so."""
    reasons = [OVERLAP] if drawdown.at_most else []
    if drawdown.gaps:
        reasons.append(f"{_positions(drawdown.gaps)} missed up to {format_duration(drawdown.longest_gap_seconds)}")
    if drawdown.unseen:
        reasons.append(f"{_positions(drawdown.unseen)} saw no tick")
    sign = {(True, False): AT_MOST, (False, True): AT_LEAST, (True, True): "≈\N{NO-BREAK SPACE}"}.get(
        (drawdown.at_most, drawdown.at_least), ""
    )
    return Cell(text=f"{sign}{format_money(drawdown.amount, currency)}", reason="; ".join(reasons))


def _positions(number: int) -> str:
    return "1 position" if number == 1 else f"{format_number(number)} positions"


def _line(recorder_id: int, name: str, days: Sequence[ResultDay]) -> RecorderLine:
    performance = summarize_days(days)
    mixed, currency = mixed_currencies(days), currencies(days)[0]
    undefined = mixed or ("" if performance.trades else NO_CLOSED_TRADE)
    return RecorderLine(
        id=recorder_id,
        name=name,
        trades=Cell(text=format_number(performance.trades)),
        net=result_cell(None if undefined else performance.net_profit, currency, undefined),
        drawdown=_unless(mixed if days else undefined, tick_drawdown_cell(drawdown_of_days(days), currency)),
        closed_drawdown=_unless(undefined, Cell(text=format_money(performance.closed_drawdown, currency))),
        profit_factor=_unless(mixed, _ratio(performance)),
        win_rate=_rate(performance),
    )


def _unknown(recorder_id: int, name: str, reason: str) -> RecorderLine:
    cell = Cell(text=NO_VALUE, reason=reason)
    return RecorderLine(
        id=recorder_id,
        name=name,
        trades=cell,
        net=cell,
        drawdown=cell,
        closed_drawdown=cell,
        profit_factor=cell,
        win_rate=cell,
    )


def _unless(undefined: str, value: Cell) -> Cell:
    return Cell(text=NO_VALUE, reason=undefined) if undefined else value


def _beside(drawdown: TickDrawdown, performance: Performance, currency: str) -> str:
    reason = tick_drawdown_cell(drawdown, currency).reason
    closed = f"closed to closed {format_money(performance.closed_drawdown, currency)}"
    return f"{closed}; {reason}" if reason else closed


def _ratio(performance: Performance) -> Cell:
    return _figure(performance.profit_factor, format_ratio)


def _rate(performance: Performance) -> Cell:
    return _figure(performance.win_rate, format_percent)


def _figure(figure: Figure, write: Callable[[Decimal], str]) -> Cell:
    return Cell(text=NO_VALUE, reason=figure.reason) if figure.value is None else Cell(text=write(figure.value))
