"""What a position's exits are planned from, in the words of its settings and its alerts; no price is known here."""

from datetime import time
from decimal import Decimal
from typing import Literal

from msgspec import Struct

DistanceKind = Literal["ticks", "points", "percent", "dollars", "price"]


class Distance(Struct, frozen=True, kw_only=True, gc=False):
    """How far from the average entry a level lies, or (`price`) where it lies."""

    kind: DistanceKind
    value: Decimal


class TargetRule(Struct, frozen=True, kw_only=True, gc=False):
    """A take-profit leg as asked for; `trim` None takes what is left."""

    distance: Distance
    trim: Decimal | None = None
    trim_in_percent: bool = False


class TrailRule(Struct, frozen=True, kw_only=True, gc=False):
    """The stop follows the best price in whole steps, once that is `trigger_ticks` in favour of the average."""

    trigger_ticks: Decimal
    step_ticks: int


class BreakEvenRule(Struct, frozen=True, kw_only=True, gc=False):
    """Once a tick is `trigger_ticks` in favour of the average, a stop stands `offset_ticks` in favour of it."""

    trigger_ticks: Decimal
    offset_ticks: Decimal


class AverageDownRule(Struct, frozen=True, kw_only=True, gc=False):
    """A tick that far against the last entry adds `quantity`, never beyond `max_contracts`."""

    distance: Distance
    quantity: int
    max_contracts: int


class SessionEndRule(Struct, frozen=True, kw_only=True, gc=False):
    """The time of day, in a time zone of the tz database, at which a position is closed."""

    clock: time
    timezone: str


class ExitRules(Struct, frozen=True, kw_only=True, gc=False):
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
