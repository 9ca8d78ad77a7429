"""Of an open position's row what its ticks change, and what it takes to count them: so a million fit in memory."""

from decimal import Decimal

from msgspec import Struct

from shared.domain.marking import Stretch, unrealized_at
from shared.store.positions import StoredPosition


class WatchedPosition(Struct, frozen=True, kw_only=True, gc=False):
    """An open position between two fills; names and units are those of `Position`, and of `Marked`."""

    id: int
    recorder_id: int
    version: int
    direction: int
    multiplier: Decimal
    quantity: int
    value: Decimal
    follows_the_price: bool
    stretch: Stretch
    worst_pnl: Decimal
    worst_price: Decimal
    worst_at: int
    best_pnl: Decimal
    best_at: int
    ticks_seen: int
    place: int
    last_price: Decimal | None
    best_tick: Decimal | None

    @property
    def unrealized_pnl(self) -> Decimal:
        """Result of the open lots at the last tick; 0 where none was ever seen."""
        return Decimal(0) if self.last_price is None else unrealized_at(self, self.last_price)


class Numbers:
    """Keeps one of equal numbers: prices lie on a grid and moments are those of ticks, so most of them are equal."""

    def __init__(self) -> None:
        self.forget()

    def one(self, number: Decimal) -> Decimal:
        """Return the one that equals this."""
        return self._decimals.setdefault(number, number)

    def moment(self, moment: int) -> int:
        """Return the one that equals this."""
        return self._moments.setdefault(moment, moment)

    def forget(self) -> None:
        """Begin anew; whoever has a number keeps it."""
        self._decimals: dict[Decimal, Decimal] = {}
        self._moments: dict[int, int] = {}


def watched_from(stored: StoredPosition, numbers: Numbers) -> WatchedPosition:
    """Leave out of a position what takes the fold, and let it share its `numbers` with others."""
    position, one, moment = stored.position, numbers.one, numbers.moment
    stretch = position.stretch
    return WatchedPosition(
        id=stored.id,
        recorder_id=stored.recorder_id,
        version=stored.version,
        direction=position.direction,
        multiplier=one(position.multiplier),
        quantity=position.quantity,
        value=one(position.value),
        follows_the_price=position.follows_the_price,
        stretch=Stretch(
            number=stretch.number,
            started_at=moment(stretch.started_at),
            lowest=one(stretch.lowest),
            lowest_at=moment(stretch.lowest_at),
            highest=one(stretch.highest),
            highest_at=moment(stretch.highest_at),
        ),
        worst_pnl=one(position.worst_pnl),
        worst_price=one(position.worst_price),
        worst_at=moment(position.worst_at),
        best_pnl=one(position.best_pnl),
        best_at=moment(position.best_at),
        ticks_seen=position.ticks_seen,
        place=position.place,
        last_price=None if position.last_price is None else one(position.last_price),
        best_tick=None if position.best_tick is None else one(position.best_tick),
    )
