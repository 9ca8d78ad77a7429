"""The standing exits of a position as they were planned; how they are planned and executed is not known here."""

from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.exact_fraction import Fraction
from shared.domain.exit_rules import ExitRules


class Level(Struct, frozen=True, kw_only=True, gc=False):
    """A price at which something happens; an overdue one was passed when planned and is due at the next tick."""

    price: Decimal
    overdue: bool = False


class TargetLeg(Struct, frozen=True, kw_only=True, gc=False):
    """A take-profit level and the contracts it closes; None closes what is left."""

    level: Level
    quantity: int | None


class EntryBasis(Struct, frozen=True, kw_only=True, gc=False):
    """The last entry's fill price, `value` and `quantity` of all that was held after it, and what they rolled by."""

    price: Decimal
    value: Decimal
    quantity: int
    rolled: Decimal = Decimal(0)

    @property
    def average(self) -> Fraction:
        """The average entry then, unrounded."""
        return Fraction(self.value) / self.quantity

    @property
    def planned_average(self) -> Fraction:
        """The average entry as it was when the exits were planned, before any roll: what percentages are of."""
        return self.average - Fraction(self.rolled)


class ExitPlan(Struct, frozen=True, kw_only=True, gc=False):
    """The exits as planned at the last entry, targets nearest first; `closes_at` (ns, UTC) is the session's end.

    `stop` is where the stop loss was placed; it is overdue if the stop that stood then, trailed or not, was passed.
    """

    rules: ExitRules
    basis: EntryBasis
    stop: Level | None = None
    targets: tuple[TargetLeg, ...] = ()
    closes_at: int | None = None

    def without_first_target(self) -> "ExitPlan":
        """Drop the nearest target, which was executed."""
        return replace(self, targets=self.targets[1:])


def is_reached(level: Level, price: Decimal, side: int) -> bool:
    """Tell whether a tick at `price` executes a level that lies on `side` (+1 above) of the average."""
    return level.overdue or price * side >= level.price * side
