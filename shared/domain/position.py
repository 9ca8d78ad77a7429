"""A recorder's net exposure in one symbol, from flat to flat, and what follows from it; it decides nothing."""

from decimal import Decimal

from msgspec import Struct

from shared.domain.contracts import Contract
from shared.domain.exact_fraction import Fraction
from shared.domain.exits import ExitPlan
from shared.domain.marking import Stretch, unrealized_at, worst_and_best
from shared.domain.money import quotient
from shared.domain.standing_stop import MovingStop, StandingStop
from shared.domain.trades import Leg, Lot, Trade


class Position(Struct, frozen=True, kw_only=True, gc=False):
    """Everything the fold knows of one position; money in the contract's currency, times in ns UTC.

    `place` is how far in the tick log it is counted, `last_price` the symbol's last tick up to there (None: none yet).
    `best_tick` is the best one since the last entry, kept only where an exit follows it; `rolled`
    is by how much its prices moved with rolls. `trades` and `legs` are those
    that ended since the position was loaded.
    """

    symbol: str
    direction: int
    contract: Contract
    plan: ExitPlan
    lots: tuple[Lot, ...]
    stretch: Stretch
    worst_pnl: Decimal
    worst_price: Decimal
    worst_at: int
    best_pnl: Decimal
    best_at: int
    realized_pnl: Decimal
    entered_quantity: int
    entered_value: Decimal
    exited_value: Decimal
    lots_entered: int
    max_quantity: int
    opened_at: int
    closed_at: int | None
    place: int
    last_price: Decimal | None
    best_tick: Decimal | None = None
    ticks_seen: int
    gap_seconds: Decimal
    rolled: Decimal = Decimal(0)
    trades: tuple[Trade, ...] = ()
    legs: tuple[Leg, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether anything is held."""
        return self.closed_at is None

    @property
    def quantity(self) -> int:
        """Contracts held, without sign."""
        return sum([lot.quantity for lot in self.lots])

    @property
    def held(self) -> int:
        """Contracts held, negative when short."""
        return self.direction * self.quantity

    @property
    def value(self) -> Decimal:
        """Sum of the open lots' entries, each times its quantity."""
        return sum([lot.entry_price * lot.quantity for lot in self.lots], Decimal(0))

    @property
    def multiplier(self) -> Decimal:
        """What a point of one contract is worth."""
        return self.contract.multiplier

    @property
    def follows_the_price(self) -> bool:
        """Whether an exit depends on the best price since the last entry."""
        return self.plan.rules.follow_the_price

    @property
    def average(self) -> Fraction:
        """Quantity-weighted mean of the open lots' entries, unrounded."""
        return Fraction(self.value) / self.quantity

    @property
    def avg_entry_price(self) -> Decimal:
        """Mean of the open lots' entries; once closed, of all entries."""
        if self.is_open:
            return quotient(self.value, self.quantity)
        return quotient(self.entered_value, self.entered_quantity)

    @property
    def exit_price(self) -> Decimal | None:
        """Quantity-weighted mean of the exits so far; None before the first."""
        exited = self.entered_quantity - self.quantity
        return quotient(self.exited_value, exited) if exited else None

    @property
    def unrealized_pnl(self) -> Decimal:
        """Result of the open lots at the last tick; 0 where none was ever seen."""
        return Decimal(0) if self.last_price is None else self.unrealized_at(self.last_price)

    def unrealized_at(self, price: Decimal) -> Decimal:
        """Result of the open lots at `price`, before costs."""
        return unrealized_at(self, price)

    @property
    def moving_stop(self) -> MovingStop:
        """The stop as a function of the best tick since the last entry."""
        return MovingStop(plan=self.plan, direction=self.direction, contract=self.contract)

    @property
    def stop(self) -> StandingStop | None:
        """The stop that stands now."""
        return self.moving_stop.standing(self.best_tick)


def opening_signal_id(position: Position) -> int | None:
    """The signal that opened a position, all of whose trades are at hand."""
    return position.trades[0].entry_signal_id if position.trades else position.lots[0].signal_id


def open_trades(position: Position) -> tuple[Trade, ...]:
    """Describe each open lot as the trade it is so far."""
    stretch = position.stretch
    return tuple(
        describe_trade(position, lot, min(lot.lowest, stretch.lowest), max(lot.highest, stretch.highest))
        for lot in position.lots
    )


def describe_trade(position: Position, lot: Lot, lowest: Decimal, highest: Decimal) -> Trade:
    """Describe a lot as a trade that saw these extreme prices and has no exit yet."""
    worst, best = worst_and_best(position.direction, lowest, highest)
    target, stop = next(iter(position.plan.targets), None), position.stop
    per_point = position.direction * lot.quantity * position.contract.multiplier
    return Trade(
        lot=lot.number,
        symbol=position.symbol,
        direction=position.direction,
        quantity=lot.quantity,
        entry_price=lot.entry_price,
        entered_at=lot.entered_at,
        max_favorable=(best - lot.entry_price) * per_point,
        max_adverse=(worst - lot.entry_price) * per_point,
        worst_price=worst,
        ticks_seen=position.ticks_seen - lot.ticks_before,
        gap_seconds=lot.gap_seconds,
        rolled=lot.rolled,
        target_price=target.level.price if target else None,
        stop_price=stop.level.price if stop else None,
        entry_signal_id=lot.signal_id,
    )
