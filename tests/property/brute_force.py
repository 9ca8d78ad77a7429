"""A second, slow and plain model of the recorder, which the core must equal to the last digit.

Written from docs/semantics.md alone and on purpose unlike the core: nothing is kept up to date. A position is
the list of its fills and of the prices it met; every contract is a unit of its own; whatever is asked (held,
average, drawdown) is computed anew from the whole list, in fractions. On every tick every position is looked at.

Readings chosen where the text leaves room:

- A level is passed when the last tick is at it or beyond it; without any tick nothing is passed.
- A position is marked at each fill with what it held before, then, in a tick, at the tick's price with the rest.
- A signal that crosses zero is a close and an opening. If the market or a filter forbids the opening, the close still
  happens (reason `signal`, since nothing is opened), and the signal is recorded with a note. If the body itself is
  wrong (an exit on the wrong side, a risk that cannot be sized), nothing of it happens.
- A stop or target price in a body is judged against the average that the entry would lead to, then rounded and
  kept at least one tick away like any other level. One kept from an earlier entry is only rounded and kept away.
- `risk_dollars` is measured from the fill to the stop as it would be placed for this fill alone; without a stop it
  is refused. It replaces the quantity, so it says nothing where the position is stated.
- A close-all takes the body's price only where one position is open; what has no price at all stays open.
- Without room under `max_contracts` nothing else is looked at but a risk.
- The body is checked for a price and a risk before the filters, for its exits after them.
- A missing quantity of a trim, or of an opposite signal that reduces, is `add_position_size`.
- An exit action that states a size not below what is held changes nothing and is ignored.
- A roll moves an open position to another contract: levels and prices set by alerts move, what was met stays as it was
  and is carried to the contract of the moment at which it is looked at. The last tick's price is carried, too.
- Gap marks of one symbol do not overlap; each counts from the entry's time on, in all that is open at the mark.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, Literal
from zoneinfo import ZoneInfo

from shared.domain.ticks import GapMark, LogEntry, PriceTick, RollMark
from tests.property.brute_filters import MADE, TURNED_AWAY, Attempt, Booking, first_objection

Direction = Literal[1, -1]
ENTRY_DIRECTIONS: Mapping[str, Direction] = {"buy": 1, "sell": -1}
EXIT_ACTIONS = {"close", "closelong", "closeshort", "takeprofit", "stoploss", "closeall"}


@dataclass(frozen=True, kw_only=True)
class ScriptedContract:
    """What a tick of a symbol measures and costs."""

    tick_size: Decimal
    multiplier: Decimal


@dataclass(frozen=True, kw_only=True)
class ExitLeg:
    """One distance or price in a body: `unit` is Ticks, Percent, Dollars, Price or Bare; `percent` its share."""

    unit: str
    value: Decimal
    percent: int = 100


@dataclass(frozen=True, kw_only=True)
class ScriptedSignal:
    """A signal as the tests mean it, before it is written as a body. `target` is a signed stated position."""

    line: int
    recorder: str
    place: int
    occurred_at: int
    symbol: str | None = None
    action: str | None = None
    price: Decimal | None = None
    quantity: int | None = None
    side: Literal["long", "short", "flat"] | None = None
    target: int | None = None
    previous: int | None = None
    stop: ExitLeg | None = None
    targets: tuple[ExitLeg, ...] | None = None
    risk_dollars: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Event:
    """A price that a position met: a fill of it (signed quantity) or, with quantity 0, a tick it outlived.

    It stays as it was; `rolled` is by how much the position had rolled until then.
    """

    price: Fraction
    occurred_at: int
    place: int
    quantity: int = 0
    reason: str = ""
    rolled: Fraction = Fraction(0)


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One contract, from the event that bought it to the event that sold it (or none yet)."""

    entered: int
    left: int | None


@dataclass(kw_only=True)
class Leg:
    """A planned exit: level, contracts (None: all that is held), and whether the next tick executes it anyhow."""

    level: Fraction
    size: int | None
    overdue: bool


class Refused(Exception):
    """An entry that must not happen, with its status."""

    def __init__(self, status: str, why: str, *, whole: bool = False) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.whole = whole


@dataclass(kw_only=True)
class Position:
    """Net exposure from flat to flat: a list of events, and the exits planned at its last entry."""

    symbol: str
    direction: Direction
    contract: ScriptedContract
    events: list[Event] = field(default_factory=list)
    rolled: Fraction = Fraction(0)
    rolled_when_planned: Fraction = Fraction(0)
    planned_average: Fraction = Fraction(0)
    stop: Leg | None = None
    stop_distance: Fraction = Fraction(0)
    overdue: bool = False
    targets: list[Leg] = field(default_factory=list)
    stop_override: ExitLeg | None = None
    targets_override: tuple[ExitLeg, ...] | None = None

    def units(self) -> list[Unit]:
        """Every contract that ever was in here; exits take the oldest first."""
        entered: list[int] = []
        left: list[int] = []
        for index, event in enumerate(self.events):
            for _ in range(abs(event.quantity)):
                (entered if event.quantity * self.direction > 0 else left).append(index)
        padded = [*left, *([None] * (len(entered) - len(left)))]
        return [Unit(entered=start, left=end) for start, end in zip(entered, padded, strict=True)]

    def held(self) -> int:
        return sum(unit.left is None for unit in self.units())

    def last_entry(self) -> int:
        return max(index for index, event in enumerate(self.events) if event.quantity * self.direction > 0)

    def outlived_since_entry(self) -> list[Fraction]:
        """The ticks since the last entry that the position outlived."""
        return [self.carried(event) for event in self.events[self.last_entry() + 1 :] if event.quantity == 0]

    def in_favour(self, price: Fraction) -> Fraction:
        """By how many ticks a price is better than the average of the last entry."""
        return (price - self.planned_average) * self.direction / Fraction(self.contract.tick_size)

    def entry(self, unit: Unit) -> Fraction:
        """What a unit was bought at, in prices of the contract that it was sold in, or is held in."""
        end = self.rolled if unit.left is None else self.events[unit.left].rolled
        return self.carried(self.events[unit.entered], end)

    def carried(self, event: Event, rolled: Fraction | None = None) -> Fraction:
        """An event's price in the contract of the moment at which the position had rolled that much, or of now."""
        return event.price + (self.rolled if rolled is None else rolled) - event.rolled

    def average(self) -> Fraction:
        """Mean entry of what is held; once nothing is, of all that ever was."""
        units = [unit for unit in self.units() if unit.left is None] or self.units()
        return mean(self.entry(unit) for unit in units)


@dataclass(kw_only=True)
class Book:
    """One recorder: its settings and every position it ever had."""

    settings: Mapping[str, Any]
    positions: list[Position] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)

    def setting(self, name: str, default: Any) -> Any:
        return self.settings.get(name, default)

    def open_positions(self) -> list[Position]:
        return [position for position in self.positions if position.held() > 0]

    def open_position(self, symbol: str) -> Position | None:
        return next((position for position in self.open_positions() if position.symbol == symbol), None)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a signal asks for, as a close of so many contracts and an opening or add of signed so many."""

    close: int = 0
    enter: int = 0
    ignored: str = ""


def brute_force_replay(
    recorders: Sequence[Mapping[str, Any]],
    ticks: Sequence[LogEntry],
    signals: Sequence[ScriptedSignal],
    contracts: Mapping[str, ScriptedContract],
) -> dict[str, Any]:
    """Return what `recorder replay` must return for the same recorders, ticks and signals."""
    books, outcomes = brute_force_books(recorders, ticks, signals, contracts)
    return {
        "signals": outcomes,
        "trades": [row for book in books for row in trade_rows(book, ticks)],
        "positions": [position_row(book, position, ticks) for book in books for position in book.positions],
    }


def brute_force_books(
    recorders: Sequence[Mapping[str, Any]],
    ticks: Sequence[LogEntry],
    signals: Sequence[ScriptedSignal],
    contracts: Mapping[str, ScriptedContract],
) -> tuple[list[Book], list[dict[str, Any]]]:
    """Return each recorder's positions as lists of events, and what became of the signals."""
    books = {str(settings["name"]): Book(settings=settings) for settings in recorders}
    outcomes: list[dict[str, Any]] = []
    met: list[LogEntry] = []
    waiting = list(signals)
    for entry in [*ticks, None]:
        while waiting and (entry is None or waiting[0].place < entry.place):
            signal = waiting.pop(0)
            if books[signal.recorder].setting("inverse", False):
                signal = mirrored(signal)
            status, reason = apply_signal(books[signal.recorder], signal, met, contracts)
            outcomes.append({"line": signal.line, "recorder": signal.recorder, "status": status, "reason": reason})
        if entry is not None:
            met.append(entry)
        for book in books.values():
            for position in book.open_positions():
                if entry is not None and position.symbol == entry.symbol:
                    meet(book, position, entry)
    return list(books.values()), outcomes


# --- from a signal to fills ---------------------------------------------------------------------------------------


def apply_signal(
    book: Book, signal: ScriptedSignal, met: Sequence[LogEntry], contracts: Mapping[str, ScriptedContract]
) -> tuple[str, str]:
    """Do what the signal asks; return its status and a word of its reason."""
    if signal.action == "closeall" and signal.symbol is None:
        return close_everything(book, signal, met)
    symbol = symbol_of(book, signal)
    position = book.open_position(symbol)
    held = position.direction * position.held() if position else 0
    wish = interpret(book, signal, held)
    if wish.ignored:
        return "ignored", wish.ignored
    last = last_price(met, symbol)
    notes = []
    if signal.previous is not None and signal.target is not None and signal.action not in EXIT_ACTIONS:
        notes += ["missed_signals"] * (signal.previous != held)
    opening: Callable[[str], None] | None = None
    refusal: Refused | None = None
    if wish.enter:
        try:
            opening = prepare_entry(book, signal, wish, position, met, contracts[symbol])
        except Refused as refused:
            refusal = refused
            if refused.whole or not wish.close:
                return refused.status, refused.why
            notes.append(refused.why)
    if wish.close and position is not None:
        try:
            price, note = exit_price(book, signal, last)
        except Refused as refused:
            return refused.status, refused.why
        notes += [note] * bool(note)
        reason = {"takeprofit": "tp", "stoploss": "sl"}.get(signal.action or "", "signal")
        fill(position, -wish.close, price, signal, "reversal" if wish.enter and refusal is None else reason)
    if opening is not None:
        opening(symbol)
    return "recorded", "; ".join(notes)


def symbol_of(book: Book, signal: ScriptedSignal) -> str:
    return signal.symbol or str(book.settings["symbol"])


def mirrored(signal: ScriptedSignal) -> ScriptedSignal:
    """The same strategy, traded the other way round: whatever has a side has the other one."""
    words = {"buy": "sell", "sell": "buy", "closelong": "closeshort", "closeshort": "closelong"}
    sides: dict[str, Literal["long", "short"]] = {"long": "short", "short": "long"}
    return replace(
        signal,
        action=words.get(signal.action or "", signal.action),
        side=sides.get(signal.side or "", signal.side),
        target=-signal.target if signal.target is not None else None,
        previous=-signal.previous if signal.previous is not None else None,
    )


def bookings(book: Book, met: Sequence[LogEntry], now: int) -> Iterable[Booking]:
    """What every contract that left has made, and what those that are held would make at the last tick."""
    for position in book.positions:
        multiplier = Fraction(position.contract.multiplier)
        last = last_price(met, position.symbol)
        for unit in position.units():
            if unit.left is not None:
                left = position.events[unit.left].occurred_at
                yield Booking(occurred_at=left, result=realized_by(book, position, unit))
            elif last is not None:
                gain = (last - position.entry(unit)) * position.direction
                yield Booking(occurred_at=now, result=gain * multiplier)


def close_everything(book: Book, signal: ScriptedSignal, met: Sequence[LogEntry]) -> tuple[str, str]:
    """Close each open position that has a price: the body's if it is the only one open, else its last tick's."""
    held = book.open_positions()
    if not held:
        return "ignored", "nothing to close"
    stated = signal if len(held) == 1 else replace(signal, price=None)
    closed = 0
    for position in held:
        try:
            price, _ = exit_price(book, stated, last_price(met, position.symbol))
        except Refused:
            continue
        fill(position, -position.held(), price, signal, "signal")
        closed += 1
    return ("recorded", "") if closed else ("rejected", "price")


def interpret(book: Book, signal: ScriptedSignal, held: int) -> Wish:
    """Section 4: the first rule that applies."""
    if signal.action == "pricealert":
        return Wish(ignored="alert")
    if signal.action in EXIT_ACTIONS:
        return interpret_exit(signal, held)
    if signal.target is not None:
        return interpret_target(signal.target, held)
    if signal.side is not None:
        return interpret_side(book, signal, held)
    return interpret_action(book, signal, held)


def interpret_exit(signal: ScriptedSignal, held: int) -> Wish:
    """Rule 1: never opens, adds or flips."""
    wrong_side = {"closelong": held < 0, "closeshort": held > 0}.get(str(signal.action), False)
    if held == 0 or wrong_side:
        return Wish(ignored="nothing to close")
    if signal.target is not None and signal.target * held > 0:
        surplus = abs(held) - abs(signal.target)
        return Wish(close=surplus) if surplus > 0 else Wish(ignored="nothing left to close")
    return Wish(close=abs(held))


def interpret_target(target: int, held: int) -> Wish:
    """Rule 2: trade the difference."""
    if target == held:
        return Wish(ignored="already there")
    if target == 0:
        return Wish(close=abs(held))
    if target * held < 0:
        return Wish(close=abs(held), enter=target)
    if abs(target) < abs(held):
        return Wish(close=abs(held) - abs(target))
    return Wish(enter=target - held)


def interpret_side(book: Book, signal: ScriptedSignal, held: int) -> Wish:
    """Rule 3: a side without a size."""
    if signal.side == "flat":
        return Wish(close=abs(held)) if held else Wish(ignored="flat")
    direction = 1 if signal.side == "long" else -1
    if held == 0:
        return Wish(enter=direction * opening_quantity(book, signal))
    if held * direction > 0:
        quantity = adding_quantity(book, signal)
        if ENTRY_DIRECTIONS.get(signal.action or "", direction) == direction:
            return Wish(enter=direction * quantity)
        return Wish(close=min(quantity, abs(held)))
    stated = signal.quantity
    if stated is not None and stated > abs(held):
        return Wish(close=abs(held), enter=direction * (stated - abs(held)))
    return Wish(close=abs(held), enter=direction * opening_quantity(book, signal))


def interpret_action(book: Book, signal: ScriptedSignal, held: int) -> Wish:
    """Rule 4: an action alone."""
    if signal.action == "reverse":
        return Wish(close=abs(held), enter=-held) if held else Wish(ignored="nothing to reverse")
    direction = ENTRY_DIRECTIONS[str(signal.action)]
    if held == 0:
        return Wish(enter=direction * opening_quantity(book, signal))
    if held * direction > 0:
        if book.setting("same_direction", "add") == "ignore":
            return Wish(ignored="same direction")
        return Wish(enter=direction * adding_quantity(book, signal))
    return interpret_opposite(book, signal, held)


def interpret_opposite(book: Book, signal: ScriptedSignal, held: int) -> Wish:
    """Rule 4 against the held direction."""
    direction = -1 if held > 0 else 1
    quantity = adding_quantity(book, signal)
    return {
        "ignore": Wish(ignored="opposite"),
        "close": Wish(close=abs(held)),
        "reverse": Wish(close=abs(held), enter=direction * opening_quantity(book, signal)),
        "reduce": Wish(close=min(quantity, abs(held)), enter=direction * max(0, quantity - abs(held))),
    }[book.setting("opposite_signal", "reverse")]


def opening_quantity(book: Book, signal: ScriptedSignal) -> int:
    if signal.quantity is not None:
        return signal.quantity
    return int(book.setting("initial_position_size", 1)) or 1


def adding_quantity(book: Book, signal: ScriptedSignal) -> int:
    if signal.quantity is not None:
        return signal.quantity
    return int(book.setting("add_position_size", 1)) or 1


def prepare_entry(
    book: Book,
    signal: ScriptedSignal,
    wish: Wish,
    held_position: Position | None,
    met: Sequence[LogEntry],
    contract: ScriptedContract,
) -> Callable[[str], None]:
    """Check everything that can refuse the entry; return what carries it out (after the close, if there is one)."""
    last = last_price(met, symbol_of(book, signal))
    direction: Direction = 1 if wish.enter > 0 else -1
    quantity = abs(wish.enter)
    base = None if wish.close else held_position
    rule_four = signal.target is None and signal.side is None and signal.action in ENTRY_DIRECTIONS
    fresh = Position(symbol="", direction=direction, contract=contract)
    position = base or fresh
    if signal.risk_dollars is not None and rule_four:
        quantity = risk_quantity(book, signal, position, chosen_price(book, signal, last)[0], contract)
    held, cap = base.held() if base else 0, int(book.setting("max_contracts", 0))
    if cap and held >= cap:
        raise Refused("ignored", "max_contracts")
    price, _ = chosen_price(book, signal, last)
    ask_the_filters(book, direction, signal.occurred_at, met)
    refuse_far_price(book, signal, last)
    if cap:
        quantity = min(quantity, cap - held)
    held_units = [base.entry(unit) for unit in base.units() if unit.left is None] if base else []
    average = mean([*held_units, *[price] * quantity])
    refuse_wrong_sides(signal, direction, average, price)

    def carry_out(symbol: str) -> None:
        if base is None:
            fresh.symbol = symbol
            book.positions.append(fresh)
        fill(position, direction * quantity, price, signal, "entry")
        book.attempts.append(Attempt(occurred_at=signal.occurred_at, outcome=MADE))
        position.stop_override = signal.stop or position.stop_override
        position.targets_override = position.targets_override if signal.targets is None else signal.targets
        plan_exits(book, position, price, last)

    return carry_out


def ask_the_filters(book: Book, direction: Direction, now: int, met: Sequence[LogEntry]) -> None:
    objection = first_objection(book.settings, direction, now, book.attempts, bookings(book, met, now))
    if objection == "take_every":
        book.attempts.append(Attempt(occurred_at=now, outcome=TURNED_AWAY))
    if objection:
        raise Refused("ignored", objection)


def risk_quantity(
    book: Book, signal: ScriptedSignal, position: Position, price: Fraction, contract: ScriptedContract
) -> int:
    """As many contracts as lose at most `risk_dollars` from this fill to the stop that belongs to it."""
    override = signal.stop or position.stop_override
    unit, value = stop_in_force(book, override, price)
    if value == 0:
        raise Refused("rejected", "risk_dollars", whole=True)
    level = level_at(unit, value, price, -position.direction, contract)
    ticks = abs(price - level) / Fraction(contract.tick_size)
    tick_value = Fraction(contract.tick_size) * Fraction(contract.multiplier)
    quantity = Fraction(signal.risk_dollars or 0) // (ticks * tick_value)
    if quantity < 1:
        raise Refused("rejected", "risk_dollars", whole=True)
    return int(quantity)


def refuse_wrong_sides(signal: ScriptedSignal, direction: Direction, average: Fraction, price: Fraction) -> None:
    """A stop belongs on the losing side of the average, a target on the winning side."""
    for leg in [signal.stop] if signal.stop else []:
        if names_a_price(leg, price) and (Fraction(leg.value) - average) * direction > 0:
            raise Refused("rejected", "stop", whole=True)
    for leg in signal.targets or ():
        if names_a_price(leg, price) and (Fraction(leg.value) - average) * direction < 0:
            raise Refused("rejected", "target", whole=True)


def names_a_price(leg: ExitLeg, fill_price: Fraction) -> bool:
    if leg.value == 0 or leg.unit not in {"Price", "Bare"}:
        return False
    return leg.unit == "Price" or fill_price / 2 <= Fraction(leg.value) <= fill_price * 3 / 2


def refuse_far_price(book: Book, signal: ScriptedSignal, last: Fraction | None) -> None:
    price, from_body = chosen_price(book, signal, last)
    if from_body and too_far(book, price, last):
        raise Refused("rejected", "price")


def exit_price(book: Book, signal: ScriptedSignal, last: Fraction | None) -> tuple[Fraction, str]:
    price, from_body = chosen_price(book, signal, last)
    if from_body and last is not None and too_far(book, price, last):
        return last, "price"
    return price, ""


def chosen_price(book: Book, signal: ScriptedSignal, last: Fraction | None) -> tuple[Fraction, bool]:
    """The price of a fill by signal, and whether it is the body's."""
    body = None if signal.price is None else Fraction(signal.price)
    market_first = book.setting("fill_price", "signal") == "market"
    if body is not None and (last is None or not market_first):
        return body, True
    if last is None:
        raise Refused("rejected", "price")
    return last, False


def too_far(book: Book, price: Fraction, last: Fraction | None) -> bool:
    allowed = Fraction(str(book.setting("max_price_deviation", 10)))
    return allowed != 0 and last is not None and abs(price - last) > last * allowed / 100


def last_price(met: Sequence[LogEntry], symbol: str) -> Fraction | None:
    price = None
    for entry in met:
        if entry.symbol == symbol and isinstance(entry, PriceTick):
            price = Fraction(entry.price)
        elif entry.symbol == symbol and isinstance(entry, RollMark) and price is not None:
            price += Fraction(entry.difference)
    return price


def fill(position: Position, quantity: int, price: Fraction, at: ScriptedSignal | PriceTick, reason: str) -> None:
    """Append a fill; positive quantities enter, negative ones exit, whatever the side (signed by `direction`)."""
    signed = quantity if reason == "entry" else quantity * position.direction
    position.events.append(
        Event(
            price=price,
            occurred_at=at.occurred_at,
            place=at.place,
            quantity=signed,
            reason=reason,
            rolled=position.rolled,
        )
    )


# --- exits --------------------------------------------------------------------------------------------------------


def plan_exits(book: Book, position: Position, fill_price: Fraction, last: Fraction | None) -> None:
    """All levels and leg sizes anew, for the whole position, from its average."""
    average, held, direction = position.average(), position.held(), position.direction
    if position.stop_override is not None:
        position.stop_override = settled(position.stop_override, fill_price)
    if position.targets_override is not None:
        position.targets_override = tuple(settled(leg, fill_price) for leg in position.targets_override)
    unit, value = stop_in_force(book, position.stop_override, fill_price)
    position.stop, position.planned_average, position.rolled_when_planned = None, average, position.rolled
    if value != 0:
        level = level_at(unit, value, average, -direction, position.contract)
        position.stop = Leg(level=level, size=None, overdue=False)
        position.stop_distance = points_in(unit, value, average, -direction, position.contract)
    standing = standing_stop(book, position)
    position.overdue = standing is not None and last is not None and (last - standing[0]) * direction <= 0
    position.targets = []
    for unit, value, size in target_legs(book, position, held):
        level = level_at(unit, value, average, direction, position.contract)
        passed = last is not None and (last - level) * direction >= 0
        position.targets.append(Leg(level=level, size=size, overdue=passed))
    position.targets.sort(key=lambda leg: abs(leg.level - average))
    if position.targets:
        position.targets[-1].size = None


def settled(leg: ExitLeg, fill_price: Fraction) -> ExitLeg:
    """A bare number becomes a price or ticks once, by the fill that brought it."""
    if leg.unit != "Bare":
        return leg
    unit = "Price" if names_a_price(leg, fill_price) else "Ticks"
    return ExitLeg(unit=unit, value=leg.value, percent=leg.percent)


def stop_in_force(book: Book, override: ExitLeg | None, fill_price: Fraction) -> tuple[str, Fraction]:
    """Unit and size of the stop; 0 is none."""
    if override is not None:
        leg = settled(override, fill_price)
        return leg.unit, Fraction(leg.value)
    if not book.setting("sl_enabled", False):
        return "Ticks", Fraction(0)
    return str(book.setting("sl_units", "Ticks")), Fraction(str(book.setting("sl_amount", 0)))


def target_legs(book: Book, position: Position, held: int) -> list[tuple[str, Fraction, int]]:
    """Unit, size and contracts of each target, nearest first."""
    if position.targets_override is not None:
        legs = [
            (leg.unit, Fraction(leg.value), share(leg.percent, held))
            for leg in position.targets_override
            if leg.value != 0
        ]
    else:
        unit = str(book.setting("tp_units", "Ticks"))
        by_percent = book.setting("trim_units", "Contracts") == "Percent"
        legs = [
            (
                unit,
                Fraction(str(leg["value"])),
                share(leg["trim"], held) if by_percent else int(leg["trim"]),
            )
            for leg in book.setting("tp_targets", [])
        ]
    return sorted(legs, key=lambda leg: leg[1] * (position.direction if leg[0] == "Price" else 1))


def share(percent: int, held: int) -> int:
    return max(1, percent * held // 100)


def points_in(unit: str, value: Fraction, base: Fraction, towards: int, contract: ScriptedContract) -> Fraction:
    """A distance from `base` in points; a price that lies on the other side is less than nothing away."""
    return {
        "Ticks": value * Fraction(contract.tick_size),
        "Points": value,
        "Percent": base * value / 100,
        "Dollars": value / Fraction(contract.multiplier),
        "Price": (value - base) * towards,
    }[unit]


def level_at(unit: str, value: Fraction, base: Fraction, towards: int, contract: ScriptedContract) -> Fraction:
    """The price level a distance away from `base`, on the grid, ties away from it, at least one tick off."""
    tick = Fraction(contract.tick_size)
    distance = points_in(unit, value, base, towards, contract)
    exact = base + towards * distance
    below = exact // tick * tick
    candidates = [below - tick, below, below + tick, below + 2 * tick]
    nearest = min(candidates, key=lambda level: (abs(level - exact), -abs(level - base)))
    while (nearest - base) * towards < tick:
        nearest += towards * tick
    return nearest


def standing_stop(book: Book, position: Position) -> tuple[Fraction, str] | None:
    """Where the stop stands after all that the position outlived, and why it stands there."""
    found = []
    if position.stop is not None:
        found.append((position.stop.level, "sl"))
        if book.setting("sl_type", "Fixed") == "Trail":
            found.append((trailed_stop(book, position, position.stop.level), "trail"))
    ticks = position.outlived_since_entry()
    trigger = Fraction(str(book.setting("break_even_ticks", 0)))
    if book.setting("break_even_enabled", False) and any(position.in_favour(price) >= trigger for price in ticks):
        found.append((break_even_stop(book, position), "break_even"))
    for place in found:
        if all((place[0] - other[0]) * position.direction >= 0 for other in found):
            return place
    return None


def trailed_stop(book: Book, position: Position, planned: Fraction) -> Fraction:
    """Move the planned stop step by step while the stop belonging to the best price is at least that good."""
    direction, tick = position.direction, Fraction(position.contract.tick_size)
    seen = [position.carried(position.events[position.last_entry()]), *position.outlived_since_entry()]
    best = max(seen, key=lambda price: price * direction)
    if position.in_favour(best) < Fraction(str(book.setting("trail_trigger", 0))):
        return planned
    wanted = level_at("Points", position.stop_distance, best, -direction, position.contract)
    step = (int(book.setting("trail_freq", 0)) or 1) * tick * direction
    while (wanted - (planned + step)) * direction >= 0:
        planned += step
    return planned


def break_even_stop(book: Book, position: Position) -> Fraction:
    """The average and the offset, on the grid; halfway the better one."""
    direction, tick = position.direction, Fraction(position.contract.tick_size)
    exact = position.planned_average + direction * Fraction(str(book.setting("break_even_offset", 0))) * tick
    below = exact // tick * tick
    return min([below, below + tick], key=lambda level: (abs(level - exact), -level * direction))


def cut_off(book: Book, position: Position) -> float:
    """The first moment after the opening at which the clock strikes the end of the session, in ns."""
    if not book.setting("session_end", None):
        return math.inf
    zone = ZoneInfo(book.setting("timezone", "America/New_York"))
    hour, minute = map(int, book.setting("session_end", "").split(":"))
    opened = position.events[0].occurred_at
    day = datetime.fromtimestamp(opened // 10**9, tz=zone)
    strikes = [
        int(datetime(each.year, each.month, each.day, hour, minute, tzinfo=zone).timestamp()) * 10**9
        for each in (day, day + timedelta(days=1))
    ]
    return min(strike for strike in strikes if strike > opened)


def meet(book: Book, position: Position, entry: LogEntry) -> None:
    """One entry of the log for one open position."""
    if isinstance(entry, PriceTick):
        meet_tick(book, position, entry)
    elif isinstance(entry, RollMark):
        roll(position, Fraction(entry.difference))


def roll(position: Position, difference: Fraction) -> None:
    """Everything that was planned moves, and every price that an alert set; what was met is carried when asked for."""
    position.rolled += difference
    position.planned_average += difference
    for leg in [*([position.stop] if position.stop else []), *position.targets]:
        leg.level += difference
    if position.stop_override is not None:
        position.stop_override = moved(position.stop_override, difference)
    if position.targets_override is not None:
        position.targets_override = tuple(moved(leg, difference) for leg in position.targets_override)


def moved(leg: ExitLeg, difference: Fraction) -> ExitLeg:
    if leg.unit != "Price" or leg.value == 0:
        return leg
    by = Decimal(difference.numerator) / Decimal(difference.denominator)
    return ExitLeg(unit=leg.unit, value=leg.value + by, percent=leg.percent)


def meet_tick(book: Book, position: Position, tick: PriceTick) -> None:
    """One tick for one position: stop, targets nearest first, session end, the mark of what is left, average down."""
    price, direction = Fraction(tick.price), position.direction
    stop = standing_stop(book, position)
    if stop is not None and (position.overdue or (price - stop[0]) * direction <= 0):
        at_level = book.setting("stop_fill", "observed") == "level" and not position.overdue
        fill(position, -position.held(), stop[0] if at_level else price, tick, stop[1])
        return
    for leg in list(position.targets):
        if position.held() and (leg.overdue or (price - leg.level) * direction >= 0):
            size = position.held() if leg.size is None else min(leg.size, position.held())
            fill(position, -size, price if leg.overdue else leg.level, tick, "tp")
            position.targets.remove(leg)
    if position.held() and tick.occurred_at >= cut_off(book, position):
        fill(position, -position.held(), price, tick, "session_end")
    if position.held():
        position.events.append(
            Event(price=price, occurred_at=tick.occurred_at, place=tick.place, rolled=position.rolled)
        )
        average_down(book, position, tick)


def average_down(book: Book, position: Position, tick: PriceTick) -> None:
    """Add, if the tick is far enough against the last entry and there is room."""
    if not book.setting("avg_down_enabled", False):
        return
    last = position.carried(position.events[position.last_entry()])
    unit, value = str(book.setting("avg_down_units", "Ticks")), Fraction(str(book.setting("avg_down_point", 0)))
    average_then = position.planned_average - (position.rolled - position.rolled_when_planned)
    points = points_in(unit, value, average_then, -position.direction, position.contract)
    room = int(book.setting("max_contracts", 0)) - position.held()
    quantity = min(int(book.setting("avg_down_amount", 0)), room)
    price = Fraction(tick.price)
    if quantity > 0 and (last - price) * position.direction >= points:
        fill(position, quantity * position.direction, price, tick, "entry")
        plan_exits(book, position, price, price)


# --- rows ---------------------------------------------------------------------------------------------------------


def trade_rows(book: Book, ticks: Sequence[LogEntry]) -> list[dict[str, Any]]:
    """One row for all units that entered and left together."""
    rows: list[dict[str, Any]] = []
    for position in book.positions:
        units = position.units()
        together = sorted(set(units), key=lambda each: (each.entered, each.left is None, each.left or 0))
        rows += [trade_row(book, position, unit, units.count(unit), ticks) for unit in together]
    return rows


def trade_row(book: Book, position: Position, unit: Unit, quantity: int, ticks: Sequence[LogEntry]) -> dict[str, Any]:
    entered = position.events[unit.entered]
    left = None if unit.left is None else position.events[unit.left]
    scale = quantity * Fraction(position.contract.multiplier)
    results = [
        ((event.price - position.carried(entered, event.rolled)) * position.direction * scale, event)
        for event in position.events[unit.entered : None if unit.left is None else unit.left + 1]
    ]
    worst, worst_event = min(results, key=lambda result: result[0])
    gross = None if left is None else (left.price - position.entry(unit)) * position.direction
    end = position.rolled if left is None else left.rolled
    commission = unit_commission(book) * quantity if left else Fraction(0)
    return {
        "recorder": book.settings["name"],
        "symbol": position.symbol,
        "side": side_name(position),
        "quantity": quantity,
        "entry_time": iso(entered.occurred_at),
        "entry_price": decimal_text(position.entry(unit)),
        "exit_time": iso(left.occurred_at) if left else None,
        "exit_price": decimal_text(left.price) if left else None,
        "exit_reason": left.reason if left else None,
        "pnl": None if gross is None else decimal_text(gross * scale - commission),
        "pnl_ticks": None if gross is None else decimal_text(gross / Fraction(position.contract.tick_size)),
        "commission": decimal_text(commission),
        "max_favorable": decimal_text(max(result for result, _ in results)),
        "max_adverse": decimal_text(worst),
        "worst_price": decimal_text(position.carried(worst_event, end)),
        "rolled": decimal_text(end - entered.rolled),
        "ticks_seen": ticks_seen(position, entered, left, ticks),
        "gap_seconds": decimal_text(gap_seconds(position, entered, left, ticks)),
        "status": "closed" if left else "open",
    }


def position_row(book: Book, position: Position, ticks: Sequence[LogEntry]) -> dict[str, Any]:
    units, held = position.units(), position.held()
    opened = position.events[0]
    closed = None if held else position.events[-1]
    results = [(unrealized_at(position, units, index), event) for index, event in enumerate(position.events)]
    worst, worst_event = min(results, key=lambda result: result[0])
    exits = [position.events[unit.left].price for unit in units if unit.left is not None]
    realized = sum((realized_by(book, position, unit) for unit in units if unit.left is not None), Fraction(0))
    held_after = [
        sum(unit.entered <= index and (unit.left is None or unit.left > index) for unit in units)
        for index in range(len(position.events))
    ]
    return {
        "recorder": book.settings["name"],
        "symbol": position.symbol,
        "side": side_name(position),
        "quantity": held,
        "max_quantity": max(held_after),
        "opened_at": iso(opened.occurred_at),
        "closed_at": iso(closed.occurred_at) if closed else None,
        "avg_entry_price": decimal_text(position.average()),
        "exit_price": decimal_text(mean(exits)) if exits else None,
        "realized_pnl": decimal_text(realized),
        "worst_unrealized_pnl": decimal_text(worst),
        "best_unrealized_pnl": decimal_text(max(result for result, _ in results)),
        "worst_price": decimal_text(position.carried(worst_event)),
        "rolled": decimal_text(position.rolled),
        "worst_at": iso(worst_event.occurred_at),
        "ticks_seen": ticks_seen(position, opened, closed, ticks),
        "gap_seconds": decimal_text(gap_seconds(position, opened, closed, ticks)),
        "status": "open" if held else "closed",
    }


def unrealized_at(position: Position, units: Sequence[Unit], index: int) -> Fraction:
    """The result at an event of all units held just before it."""
    event = position.events[index]
    held = [unit for unit in units if unit.entered < index and (unit.left is None or index <= unit.left)]
    entries = [position.carried(position.events[unit.entered], event.rolled) for unit in held]
    gain = sum(((event.price - entry) * position.direction for entry in entries), Fraction(0))
    return gain * Fraction(position.contract.multiplier)


def realized_by(book: Book, position: Position, unit: Unit) -> Fraction:
    gain = (position.events[unit.left or 0].price - position.entry(unit)) * position.direction
    return gain * Fraction(position.contract.multiplier) - unit_commission(book)


def ended_legs(book: Book, position: Position) -> list[tuple[int, Fraction, Fraction, Fraction, int, int]]:
    """For each stretch between two fills: quantity, realized before, lowest and highest result, start and end."""
    units = position.units()
    fills = [index for index, event in enumerate(position.events) if event.quantity]
    legs = []
    for start, end in pairwise(fills):
        held = [unit for unit in units if unit.entered <= start and (unit.left is None or unit.left > start)]
        gone = [unit for unit in units if unit.left is not None and unit.left <= start]
        realized = sum((realized_by(book, position, unit) for unit in gone), Fraction(0))
        results = [
            realized
            + sum(
                (event.price - position.carried(position.events[unit.entered], event.rolled)) * position.direction
                for unit in held
            )
            * Fraction(position.contract.multiplier)
            for event in position.events[start : end + 1]
        ]
        at = (position.events[start].occurred_at, position.events[end].occurred_at)
        legs.append((len(held), realized, min(results), max(results), *at))
    return legs


def unit_commission(book: Book) -> Fraction:
    return 2 * Fraction(str(book.setting("commission", 0)))


def side_name(position: Position) -> str:
    return "LONG" if position.direction > 0 else "SHORT"


def while_open(position: Position, entered: Event, left: Event | None, ticks: Iterable[LogEntry]) -> list[LogEntry]:
    return [
        entry
        for entry in ticks
        if entry.symbol == position.symbol
        and entered.place < entry.place
        and (left is None or entry.place <= left.place)
    ]


def ticks_seen(position: Position, entered: Event, left: Event | None, ticks: Sequence[LogEntry]) -> int:
    return sum(isinstance(entry, PriceTick) for entry in while_open(position, entered, left, ticks))


def gap_seconds(position: Position, entered: Event, left: Event | None, ticks: Sequence[LogEntry]) -> Fraction:
    total = Fraction(0)
    for mark in while_open(position, entered, left, ticks):
        if isinstance(mark, GapMark):
            since_entry = Fraction(mark.occurred_at - entered.occurred_at, 10**9)
            total += max(Fraction(0), min(Fraction(mark.gap_seconds), since_entry))
    return total


# --- text ---------------------------------------------------------------------------------------------------------


def mean(values: Iterable[Fraction]) -> Fraction:
    listed = list(values)
    return sum(listed, Fraction(0)) / len(listed)


def decimal_text(value: Fraction) -> str:
    """Exact if it terminates, else rounded half-even at ten decimals; no exponent, no trailing zeros."""
    digits, rest = 0, value.denominator
    while rest % 10 == 0 or rest % 2 == 0 or rest % 5 == 0:
        rest //= 10 if rest % 10 == 0 else 2 if rest % 2 == 0 else 5
        digits += 1
    if rest != 1:
        digits = 10
    whole = str(abs(round(value * 10**digits))).rjust(digits + 1, "0")
    text = f"{whole[: len(whole) - digits]}.{whole[len(whole) - digits :]}".rstrip("0").rstrip(".")
    return f"-{text}" if value < 0 and text != "0" else text


def iso(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
