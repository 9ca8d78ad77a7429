"""What a position's exits are planned from, in the words of its settings and its alerts; no price is known here."""

from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from typing import Literal

DistanceKind = Literal["ticks", "points", "percent", "dollars", "price"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """How far from the average entry a level lies, or (`price`) where it lies."""

    kind: DistanceKind
    value: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRule:
    """A take-profit leg as asked for; `trim` None takes what is left."""

    distance: Distance
    trim: Decimal | None = None
    trim_in_percent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailRule:
    """The stop follows the best price in whole steps, once that is `trigger_ticks` in favour of the average."""

    trigger_ticks: Decimal
    step_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEvenRule:
    """Once a tick is `trigger_ticks` in favour of the average, a stop stands `offset_ticks` in favour of it."""

    trigger_ticks: Decimal
    offset_ticks: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AverageDownRule:
    """A tick that far against the last entry adds `quantity`, never beyond `max_contracts`."""

    distance: Distance
    quantity: int
    max_contracts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEndRule:
    """The time of day, in a time zone of the tz database, at which a position is closed."""

    clock: time
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRules:
    """What the exits are planned from, settled at each entry; `commission` is per contract and side."""

    stop: Distance | None = None
    targets: tuple[TargetRule, ...] = ()
    stop_at_level: bool = False
    stop_overridden: bool = False
    targets_overridden: bool = False
    commission: Decimal = Decimal(0)
    trail: TrailRule | None = None
    break_even: BreakEvenRule | None = None
    average_down: AverageDownRule | None = None
    session_end: SessionEndRule | None = None

    @property
    def follow_the_price(self) -> bool:
        """Whether an exit depends on the best price since the last entry."""
        return self.trail is not None or self.break_even is not None
