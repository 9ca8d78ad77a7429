"""Charts as SVG drawn on the server, coloured by the style sheet's classes; it computes no statistic."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from zoneinfo import ZoneInfo

from markupsafe import Markup

from services.web.formatting import format_money
from shared.domain.performance import EquityPoint
from shared.domain.timestamps import to_datetime

GRID_LINES = 4
NICE_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
LABEL_GAP = 8
BOTTOM = 22
TOP = 10
BETWEEN = 20
CHARACTER_WIDTH = 7.6  # of the widest digits at this size, the minus sign included
SECONDS_PER_DAY = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The measures of a chart in its own units; `name` keeps ids apart where two sizes stand on one page."""

    name: str
    width: int
    upper: int
    lower: int

    @property
    def height(self) -> int:
        """The height of both panels with what is between and below them."""
        return TOP + self.upper + BETWEEN + self.lower + BOTTOM


WIDE = Size(name="wide", width=760, upper=210, lower=72)
NARROW = Size(name="narrow", width=340, upper=130, lower=52)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """Maps amounts between two grid lines to heights between two edges."""

    low: Decimal
    high: Decimal
    top: float
    bottom: float

    def y(self, amount: Decimal) -> float:
        return self.heights([amount])[0]

    def heights(self, amounts: Iterable[Decimal]) -> list[float]:
        low, unit = float(self.low), (self.bottom - self.top) / float(self.high - self.low)
        return [self.bottom - (float(amount) - low) * unit for amount in amounts]


def equity_chart(
    points: Sequence[EquityPoint], zone: ZoneInfo, currency: str, size: Size, closings: int | None = None
) -> Markup:
    """Draw the equity curve with its underwater curve below; empty without points.

    `closings`: how many there were, where it is not one for each point.
    """
    if not points:
        return Markup("")
    equity_lines = grid_lines([Decimal(0), *(point.equity for point in points)], GRID_LINES)
    water_lines = grid_lines([Decimal(0), *(point.underwater for point in points)], 2)
    left = _label_width([*equity_lines, *water_lines], currency)
    upper = _Scale(low=equity_lines[0], high=equity_lines[-1], top=TOP, bottom=TOP + size.upper)
    top = upper.bottom + BETWEEN
    lower = _Scale(low=water_lines[0], high=water_lines[-1], top=top, bottom=top + size.lower)
    places = _places(points, left, size.width - 4)
    equity = _steps(places, upper.heights(point.equity for point in points), left, upper.y(Decimal(0)))
    water = _steps(places, lower.heights(point.underwater for point in points), left, lower.y(Decimal(0)))
    parts = [
        _head(points, currency, size, len(points) if closings is None else closings),
        _grid(upper, equity_lines, left, size, currency),
        _grid(lower, water_lines, left, size, currency),
        _area("equity-area", equity),
        _line("equity-line", equity),
        _area("water-area", water),
        _line("water-line", water),
        _dates(points, zone, left, size),
        Markup("</svg>"),
    ]
    return Markup("").join(parts)


def grid_lines(amounts: Sequence[Decimal], most: int) -> list[Decimal]:
    """Choose round amounts, evenly spaced, the first and last of which enclose all given ones."""
    low, high = min(amounts), max(amounts)
    step = _nice_step((high - low) / most if high > low else Decimal(1))
    first = (low / step).to_integral_value(rounding=ROUND_FLOOR)
    last = max((high / step).to_integral_value(rounding=ROUND_CEILING), first + 1)
    return [step * number for number in range(int(first), int(last) + 1)]


def _nice_step(least: Decimal) -> Decimal:
    power = Decimal(1).scaleb(least.adjusted())
    return next(nice * power for nice in NICE_STEPS if nice * power >= least)


def _places(points: Sequence[EquityPoint], left: float, right: float) -> list[float]:
    """Spread the points evenly, one for each closing: nights and weekends take no room."""
    return [left + (right - left) * number / len(points) for number in range(1, len(points) + 1)]


def _steps(places: Sequence[float], heights: Sequence[float], left: float, zero: float) -> str:
    """Write a stair path from zero at the left edge; points closer than half a unit are thinned to their extremes."""
    path = [f"M{left:.1f} {zero:.1f}"]
    column: list[float] = []
    at = left
    for place, height in zip(places, heights, strict=True):
        if column and place - at >= 0.5:  # noqa: PLR2004 - half a pixel
            path.append(_column(at, column))
            column = []
        at = place if not column else at
        column.append(height)
    path.append(_column(at, column))
    return "".join(path)


def _column(at: float, heights: list[float]) -> str:
    if len(heights) == 1:
        return f"H{at:.1f}V{heights[0]:.1f}"
    passed = [heights[0], min(heights), max(heights), heights[-1]]
    return f"H{at:.1f}" + "".join(f"V{height:.1f}" for height in passed)


def _area(name: str, path: str) -> Markup:
    start = path[1:].split("H", 1)[0].split(" ")[1]
    return Markup('<path class="{}" d="{}V{}Z"/>').format(name, path, start)


def _line(name: str, path: str) -> Markup:
    return Markup('<path class="{}" d="{}"/>').format(name, path)


def _grid(scale: _Scale, lines: Sequence[Decimal], left: float, size: Size, currency: str) -> Markup:
    row = Markup(
        '<line class="%s" x1="%.1f" x2="%d" y1="%.1f" y2="%.1f"/>'
        '<text class="axis" x="%.1f" y="%.1f" text-anchor="end" dominant-baseline="middle">%s</text>'
    )
    return Markup("").join(
        row
        % (
            "zero" if line == 0 else "grid",
            left,
            size.width,
            scale.y(line),
            scale.y(line),
            left - LABEL_GAP,
            scale.y(line),
            _axis_label(line, currency),
        )
        for line in lines
    )


def _axis_label(amount: Decimal, currency: str) -> str:
    return (
        format_money(amount, currency).removesuffix(".00") if amount == int(amount) else format_money(amount, currency)
    )


def _label_width(lines: Sequence[Decimal], currency: str) -> float:
    return LABEL_GAP + CHARACTER_WIDTH * max(len(_axis_label(line, currency)) for line in lines)


def _dates(points: Sequence[EquityPoint], zone: ZoneInfo, left: float, size: Size) -> Markup:
    first, last = (to_datetime(point.at).astimezone(zone) for point in (points[0], points[-1]))
    label = Markup('<text class="axis" x="{:.1f}" y="{}" text-anchor="{}">{}</text>')
    baseline = size.height - LABEL_GAP
    start, end = _date_labels(first, last)
    return label.format(left, baseline, "start", start) + label.format(size.width - 4, baseline, "end", end)


def _date_labels(first: datetime, last: datetime) -> tuple[str, str]:
    short = (last - first).total_seconds() < SECONDS_PER_DAY
    pattern = "%H:%M:%S" if short else "%Y-%m-%d"
    return first.strftime(pattern), last.strftime(pattern)


def _head(points: Sequence[EquityPoint], currency: str, size: Size, closings: int) -> Markup:
    deepest = format_money(-min(point.underwater for point in points), currency)
    description = (
        f"After {closings} closings the booked result is {format_money(points[-1].equity, currency)}; "
        f"its deepest fall below an earlier high was {deepest}."
    )
    head = Markup(
        '<svg class="chart {0}" viewBox="0 0 {1} {2}" role="img" aria-labelledby="equity-title-{0} equity-text-{0}">'
        '<title id="equity-title-{0}">Equity and underwater curve</title><desc id="equity-text-{0}">{3}</desc>'
    )
    return head.format(size.name, size.width, size.height, description)
