"""Stops, targets and risk that a body brings along; it does not plan levels from them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

ExitKind = Literal["ticks", "points", "price", "percent", "dollars", "bare", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitOverride:
    """One exit as a body states it; `bare` is a price or ticks, which only the fill price can tell."""

    kind: ExitKind
    value: Decimal


class TargetOverride(NamedTuple):
    """One take profit leg of a body; `trim_percent` is None where the leg takes all that is left."""

    exit: ExitOverride
    trim_percent: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a body says about its exits; None and the empty tuple leave the settings in force."""

    stop: ExitOverride | None = None
    targets: tuple[TargetOverride, ...] = ()
    risk_dollars: Decimal | None = None


NO_OVERRIDES = Overrides()
