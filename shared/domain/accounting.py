"""Entries, exits and prices seen, applied to a position; when they happen is decided elsewhere."""

from decimal import Decimal

from msgspec.structs import replace

from shared.domain.exit_planning import plan_exits
from shared.domain.exit_rules import ExitRules
from shared.domain.exits import EntryBasis
from shared.domain.marking import Stretch, mark, worst_and_best
from shared.domain.money import quotient
from shared.domain.position import Position, describe_trade
from shared.domain.symbols import ResolvedSymbol
from shared.domain.timestamps import NS_PER_SECOND
from shared.domain.trades import ExitReason, Fill, Leg, Lot, Trade


def open_position(
    fill: Fill,
    instrument: ResolvedSymbol,
    *,
    direction: int,
    rules: ExitRules,
    place: int,
    last_price: Decimal | None,
) -> Position:
    """Open a position with one lot after the tick at `place`, whose price was `last_price`, and plan its exits."""
    plan = plan_exits(
        rules,
        EntryBasis(price=fill.price, value=fill.price * fill.quantity, quantity=fill.quantity),
        direction=direction,
        contract=instrument.contract,
        opened_at=fill.occurred_at,
        last_price=last_price,
    )
    return Position(
        symbol=instrument.symbol,
        direction=direction,
        contract=instrument.contract,
        plan=plan,
        lots=(_lot(fill, number=1),),
        stretch=_stretch(fill, number=1),
        worst_pnl=Decimal(0),
        worst_price=fill.price,
        worst_at=fill.occurred_at,
        best_pnl=Decimal(0),
        best_at=fill.occurred_at,
        realized_pnl=Decimal(0),
        entered_quantity=fill.quantity,
        entered_value=fill.price * fill.quantity,
        exited_value=Decimal(0),
        lots_entered=1,
        max_quantity=fill.quantity,
        opened_at=fill.occurred_at,
        closed_at=None,
        place=place,
        last_price=last_price,
        ticks_seen=0,
        gap_seconds=Decimal(0),
    )


def add_lot(position: Position, fill: Fill, rules: ExitRules) -> Position:
    """Add a lot to an open position and plan all its exits anew."""
    position = _end_stretch(position, fill)
    number = position.lots_entered + 1
    lot = _lot(fill, number=number, ticks_before=position.ticks_seen)
    position = replace(
        position,
        lots=(*position.lots, lot),
        lots_entered=number,
        entered_quantity=position.entered_quantity + fill.quantity,
        entered_value=position.entered_value + fill.price * fill.quantity,
        max_quantity=max(position.max_quantity, position.quantity + fill.quantity),
    )
    plan = plan_exits(
        rules,
        EntryBasis(price=fill.price, value=position.value, quantity=position.quantity),
        direction=position.direction,
        contract=position.contract,
        opened_at=position.opened_at,
        last_price=position.last_price,
    )
    return replace(position, plan=plan, best_tick=None)


def exit_lots(position: Position, fill: Fill) -> Position:
    """Close `fill.quantity` contracts, first in, first out: the one function that closes trades, whatever the cause."""
    position = _end_stretch(position, fill)
    closed, remaining = _split_first_in(position.lots, fill.quantity)
    trades = tuple(_close_trade(position, lot, fill) for lot in closed)
    return replace(
        position,
        lots=remaining,
        trades=(*position.trades, *trades),
        realized_pnl=position.realized_pnl + sum((trade.pnl for trade in trades if trade.pnl is not None), Decimal(0)),
        exited_value=position.exited_value + fill.price * fill.quantity,
        closed_at=None if remaining else fill.occurred_at,
    )


def miss(position: Position, gap_seconds: Decimal, ended_at: int, place: int) -> Position:
    """Count a gap that ended at `ended_at`: for the position and each lot the part of it after their entry."""
    lots = tuple(
        replace(lot, gap_seconds=lot.gap_seconds + _overlap(gap_seconds, ended_at, lot.entered_at))
        for lot in position.lots
    )
    missed = _overlap(gap_seconds, ended_at, position.opened_at)
    return replace(position, lots=lots, gap_seconds=position.gap_seconds + missed, place=place)


def current_leg(position: Position, ended_at: int) -> Leg:
    """Describe the stretch since the last fill as a leg that ends now."""
    stretch, realized = position.stretch, position.realized_pnl
    worst, best = worst_and_best(position.direction, stretch.lowest, stretch.highest)
    return Leg(
        number=stretch.number,
        quantity=position.quantity,
        realized_before=realized,
        lowest_result=realized + position.unrealized_at(worst),
        highest_result=realized + position.unrealized_at(best),
        started_at=stretch.started_at,
        ended_at=ended_at,
    )


def _overlap(gap_seconds: Decimal, ended_at: int, entered_at: int) -> Decimal:
    since_entry = Decimal(max(ended_at - entered_at, 0)) / NS_PER_SECOND
    return min(gap_seconds, since_entry)


def _lot(fill: Fill, *, number: int, ticks_before: int = 0) -> Lot:
    return Lot(
        number=number,
        quantity=fill.quantity,
        entry_price=fill.price,
        entered_at=fill.occurred_at,
        lowest=fill.price,
        highest=fill.price,
        ticks_before=ticks_before,
        signal_id=fill.signal_id,
    )


def _stretch(fill: Fill, *, number: int) -> Stretch:
    return Stretch(
        number=number,
        started_at=fill.occurred_at,
        lowest=fill.price,
        lowest_at=fill.occurred_at,
        highest=fill.price,
        highest_at=fill.occurred_at,
    )


def _end_stretch(position: Position, fill: Fill) -> Position:
    """Mark the position at a fill with the quantity before it, and hand the stretch's extremes to lots and legs."""
    position = mark(position, fill.price, fill.occurred_at)
    stretch = position.stretch
    lots = tuple(
        replace(lot, lowest=min(lot.lowest, stretch.lowest), highest=max(lot.highest, stretch.highest))
        for lot in position.lots
    )
    return replace(
        position,
        lots=lots,
        legs=(*position.legs, current_leg(position, fill.occurred_at)),
        stretch=_stretch(fill, number=stretch.number + 1),
    )


def _split_first_in(lots: tuple[Lot, ...], quantity: int) -> tuple[list[Lot], tuple[Lot, ...]]:
    closed = []
    for index, lot in enumerate(lots):
        if lot.quantity > quantity:
            if quantity:
                closed.append(replace(lot, quantity=quantity))
                lot = replace(lot, quantity=lot.quantity - quantity)  # noqa: PLW2901 - what is left of it
            return closed, (lot, *lots[index + 1 :])
        closed.append(lot)
        quantity -= lot.quantity
    return closed, ()


def _close_trade(position: Position, lot: Lot, fill: Fill) -> Trade:
    points = (fill.price - lot.entry_price) * position.direction
    commission = position.plan.rules.commission * 2 * lot.quantity
    trade = describe_trade(position, lot, lot.lowest, lot.highest)
    return replace(
        trade,
        exit_price=fill.price,
        exited_at=fill.occurred_at,
        exit_reason=fill.reason or ExitReason.SIGNAL,
        pnl=points * lot.quantity * position.contract.multiplier - commission,
        pnl_ticks=quotient(points, position.contract.tick_size),
        commission=commission,
    )
