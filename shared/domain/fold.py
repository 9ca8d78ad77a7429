"""The one code that moves positions: a recorder's signals and its symbols' ticks, merged in their order.

A pure function of the logs: `advance` takes one position through ticks, `RecorderFold` applies signals in between.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.accounting import add_lot, exit_lots, miss
from shared.domain.application import AcceptedSignal, Applied, apply
from shared.domain.average_down import average_down_quantity
from shared.domain.entry_filters import NOTHING_BEFORE, Standing, asks_the_past
from shared.domain.entry_history import EntryHistory, day_of
from shared.domain.exits import is_reached
from shared.domain.extremes import PriceRange
from shared.domain.level_book import EVERY_PRICE
from shared.domain.marking import absorb, best_tick_after, mark
from shared.domain.money import exact
from shared.domain.position import Position
from shared.domain.roll import roll
from shared.domain.tape import Tape
from shared.domain.ticks import GapMark, LogEntry, PriceTick, RollMark
from shared.domain.trades import ExitReason, Fill, Trade
from shared.domain.watch import quiet_range


def advance(position: Position, entries: Iterable[LogEntry]) -> Position:
    """Take an open position through log entries of its symbol that follow its place, until it closes."""
    quiet: list[PriceTick] = []
    with exact():
        below, above, closes_at = _bounds(position)
        for entry in entries:
            if isinstance(entry, PriceTick) and below < entry.price < above and entry.occurred_at < closes_at:
                quiet.append(entry)
                continue
            position = _absorb_ticks(position, quiet)
            quiet.clear()
            if isinstance(entry, GapMark):
                position = miss(position, entry.gap_seconds, entry.occurred_at, entry.place)
                continue
            position = roll(position, entry) if isinstance(entry, RollMark) else _execute(position, entry)
            if not position.is_open:
                return position
            below, above, closes_at = _bounds(position)
        return _absorb_ticks(position, quiet)


class Verdict(Struct, frozen=True, kw_only=True, gc=False):
    """What became of one signal, at its final place."""

    accepted: AcceptedSignal
    place: int
    applied: Applied


class RecorderFold:
    """One recorder on its way through its logs.

    `positions` holds, for each symbol, the positions that moved in order: the first continues the one that was
    loaded, if one was, and only the last can be open. `history` is what the filters of the signals to come ask for.
    """

    def __init__(
        self,
        open_positions: Iterable[Position],
        places: Mapping[str, int],
        tape: Tape,
        history: EntryHistory | None = None,
    ) -> None:
        self.history = history or EntryHistory()
        self._tape = tape
        self._places = dict(places)
        self._furthest = max(places.values(), default=0)
        self.positions = {position.symbol: [position] for position in open_positions}
        self.verdicts: list[Verdict] = []
        self._unbooked: list[Trade] = []  # closed, and not in the history yet, which few ask for

    def apply(self, accepted: AcceptedSignal) -> None:
        """Advance what the signal concerns to its place and apply it."""
        if accepted.symbol is not None:
            self._conclude(accepted, *self._apply_to(accepted, accepted.symbol))
        else:
            self._close_all(accepted)

    def advance(self, symbol: str, through: int) -> None:
        """Take the open position of a symbol, if there is one, through the log up to a place."""
        position = self._open_position(symbol)
        if position and through > position.place:
            position = advance(position, self._tape.entries(symbol, after=position.place, through=through))
            self._replace_last(replace(position, place=through) if position.is_open else position)

    def advance_all(self, place: int) -> int:
        """Take all that is held to a place, or behind it to the first one that no position has passed: the one told."""
        place = max([place, self._furthest, *(moved[-1].place for moved in self.positions.values() if moved)])
        for symbol in self.positions:
            self.advance(symbol, place)
        return place

    def _close_all(self, accepted: AcceptedSignal) -> None:
        """Apply a signal to all that is held, at one place that no position has passed: one is all that is stored."""
        place = self.advance_all(accepted.place)
        held = self._open_positions()
        accepted = replace(accepted, place=place)
        if len(held) > 1:  # one price cannot be that of several symbols
            accepted = replace(accepted, signal=replace(accepted.signal, price=None))
        applied = [self._apply_to(replace(accepted, symbol=each.symbol), each.symbol)[1] for each in held]
        outcomes = sorted(applied, key=_is_not_recorded)
        nothing = Applied(status="ignored", reason="nothing to close")
        self._conclude(accepted, place, outcomes[0] if outcomes else nothing)

    def _apply_to(self, accepted: AcceptedSignal, symbol: str) -> tuple[int, Applied]:
        place = max(accepted.place, self._reached(symbol))
        if accepted.settings.max_daily_loss:  # what else is held counts, as it is at the signal's place
            place = self.advance_all(place)
        self.advance(symbol, place)
        position = self._open_position(symbol)
        market = position.last_price if position else self._tape.last_price(symbol, through=place)
        applied = apply(replace(accepted, place=place), position, market, self._standing(accepted))
        self.history.count_entry(applied.entry, accepted.occurred_at)
        self._places[symbol] = place
        moved = list(applied.positions)
        if moved and position:
            self._replace_last(moved.pop(0))
        self.positions.setdefault(symbol, []).extend(moved)
        return place, applied

    def _standing(self, accepted: AcceptedSignal) -> Standing:
        if not asks_the_past(accepted.settings):
            return NOTHING_BEFORE
        history, day = self.history, day_of(accepted.occurred_at)
        with exact():
            history.book(self._unbooked)
            self._unbooked.clear()
            open_result = sum((each.unrealized_pnl for each in self._open_positions()), Decimal(0))
            day_result = history.booked.get(day, Decimal(0)) + open_result
        return Standing(
            last_entry_at=history.last_entry_at,
            session_entries=history.entries.get(day, 0),
            held_back=history.held_back,
            day_result=day_result,
        )

    def _conclude(self, accepted: AcceptedSignal, place: int, applied: Applied) -> None:
        self.verdicts.append(Verdict(accepted=accepted, place=place, applied=applied))

    def _reached(self, symbol: str) -> int:
        moved = self.positions.get(symbol)
        return max(self._places.get(symbol, 0), moved[-1].place if moved else 0)

    def _open_position(self, symbol: str) -> Position | None:
        moved = self.positions.get(symbol)
        return moved[-1] if moved and moved[-1].is_open else None

    def _open_positions(self) -> list[Position]:
        return [moved[-1] for moved in self.positions.values() if moved and moved[-1].is_open]

    def _replace_last(self, position: Position) -> None:
        moved = self.positions[position.symbol]
        self._unbooked += position.trades[len(moved[-1].trades) :]
        moved[-1] = position


def _is_not_recorded(applied: Applied) -> bool:
    return applied.status != "recorded"


def _bounds(position: Position) -> tuple[Decimal, Decimal, float]:
    """The prices between which, and the moment before which, nothing happens."""
    below, above = quiet_range(position)
    closes_at = position.plan.closes_at
    return (
        -EVERY_PRICE if below is None else below,
        EVERY_PRICE if above is None else above,
        inf if closes_at is None else closes_at,
    )


def _absorb_ticks(position: Position, ticks: list[PriceTick]) -> Position:
    if not ticks:
        return position
    lowest, highest = min(ticks, key=_price), max(ticks, key=_price)
    stretch = PriceRange(
        lowest=lowest.price,
        lowest_at=lowest.occurred_at,
        highest=highest.price,
        highest_at=highest.occurred_at,
        last=ticks[-1].price,
        place=ticks[-1].place,
        count=len(ticks),
    )
    return absorb(position, stretch)


def _price(tick: PriceTick) -> Decimal:
    return tick.price


def _execute(position: Position, tick: PriceTick) -> Position:
    """Let one tick do what it does: the exits as they stood before it, then what it changes about them."""
    position = replace(position, place=tick.place, last_price=tick.price, ticks_seen=position.ticks_seen + 1)
    position = _stop_out(position, tick)
    if position.is_open:
        position = _take_profits(position, tick)
    if position.is_open:
        position = _end_session(position, tick)
    if not position.is_open:
        return position
    position = mark(position, tick.price, tick.occurred_at)
    position = replace(position, best_tick=best_tick_after(position, tick.price, tick.price))
    return _average_down(position, tick)


def _stop_out(position: Position, tick: PriceTick) -> Position:
    stop = position.stop
    if stop is None or not is_reached(stop.level, tick.price, -position.direction):
        return position
    at_level = position.plan.rules.stop_at_level and not stop.level.overdue
    price = stop.level.price if at_level else tick.price
    return exit_lots(position, _exit_fill(position.quantity, price, tick, stop.reason))


def _take_profits(position: Position, tick: PriceTick) -> Position:
    while position.is_open and position.plan.targets:
        leg = position.plan.targets[0]
        if not is_reached(leg.level, tick.price, position.direction):
            break
        price = tick.price if leg.level.overdue else leg.level.price
        held = position.quantity
        quantity = held if leg.quantity is None else min(leg.quantity, held)
        position = exit_lots(position, _exit_fill(quantity, price, tick, ExitReason.TP))
        position = replace(position, plan=position.plan.without_first_target())
    return position


def _end_session(position: Position, tick: PriceTick) -> Position:
    closes_at = position.plan.closes_at
    if closes_at is None or tick.occurred_at < closes_at:
        return position
    return exit_lots(position, _exit_fill(position.quantity, tick.price, tick, ExitReason.SESSION_END))


def _average_down(position: Position, tick: PriceTick) -> Position:
    quantity = average_down_quantity(position, tick.price)
    if not quantity:
        return position
    fill = Fill(quantity=quantity, price=tick.price, occurred_at=tick.occurred_at)
    return add_lot(position, fill, position.plan.rules)


def _exit_fill(quantity: int, price: Decimal, tick: PriceTick, reason: ExitReason) -> Fill:
    return Fill(quantity=quantity, price=price, occurred_at=tick.occurred_at, reason=reason)
