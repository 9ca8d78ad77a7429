"""What a bench found out, as data, as one JSON object and as a row of a table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

RATIO = "ratio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What one figure, or the RATIO, should be: `least`, `most` or both, inclusive."""

    figure: str
    least: float | None = None
    most: float | None = None

    def is_met_by(self, value: float) -> bool:
        """Tell whether a value is within the bounds."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        bounds = [("≥", self.least), ("≤", self.most)]
        return f"{self.figure} " + " ".join(f"{sign} {_short(bound)}" for sign, bound in bounds if bound is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One case of a bench. The names of figures end with their unit: `ticks_per_second`, `p99_ms`.

    `baseline` has figures of the bare thing under the same names; the ratio is that of `compared`, by default the first
    one in it. A smoke run's goals are not looked at.
    """

    case: str
    figures: Mapping[str, float]
    baseline: Mapping[str, float] = field(default_factory=dict)
    compared: str | None = None
    goals: tuple[Goal, ...] = ()

    @property
    def ratio(self) -> float | None:
        """The figure as a multiple of the baseline's; None without a baseline."""
        if not self.baseline:
            return None
        name = self.compared or next(iter(self.baseline))
        return self.figures[name] / self.baseline[name]

    @property
    def met(self) -> bool | None:
        """Whether all goals are met; None where there is none."""
        if not self.goals:
            return None
        known = {**self.figures, RATIO: self.ratio}
        return all(goal.is_met_by(known[goal.figure] or 0.0) for goal in self.goals)


def as_json(bench: str, result: Result, *, smoke: bool) -> dict[str, Any]:
    """Return the object of one line of output."""
    return {
        "bench": bench,
        "case": result.case,
        "smoke": smoke,
        "figures": _rounded(result.figures),
        "baseline": _rounded(result.baseline),
        "ratio": None if result.ratio is None else round(result.ratio, 4),
        "goals": [str(goal) for goal in result.goals],
        "met": None if smoke else result.met,
    }


def table(lines: Iterable[Mapping[str, Any]]) -> str:
    """Draw lines of output as a table for a terminal."""
    rows = [("bench", "case", "measured", "baseline", "ratio", "goal", "")]
    rows += [
        (
            line["bench"],
            line["case"],
            _listed(line["figures"]),
            _listed(line["baseline"]),
            "" if line["ratio"] is None else _short(line["ratio"]),
            ", ".join(line["goals"]),
            {True: "met", False: "MISSED", None: ""}[line["met"]],
        )
        for line in lines
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.4g}") if abs(value) < 1000 else round(value) for name, value in figures.items()}  # noqa: PLR2004


def _listed(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in figures.items())


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004
