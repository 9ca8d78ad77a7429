"""One signal applied to one position that is already at its place: its price, its fills, its outcome."""

from decimal import Decimal
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.accounting import add_lot, exit_lots, open_position
from shared.domain.contracts import Contract
from shared.domain.entry_filters import NOTHING_BEFORE, Entry, Standing, find_filter
from shared.domain.entry_history import ENTERED
from shared.domain.entry_rules import refuse_exits_on_wrong_side, risk_quantity, rules_for_entry
from shared.domain.exact_fraction import Fraction
from shared.domain.interpretation import Ignored, Intent, StatedQuantity, interpret, plain_quantity
from shared.domain.money import exact
from shared.domain.numbers import MAX_WHOLE, plain
from shared.domain.position import Position
from shared.domain.recorder_settings import RecorderSettings
from shared.domain.refusals import SignalRefused
from shared.domain.signals import Signal, inverted
from shared.domain.symbols import ResolvedSymbol
from shared.domain.trades import ExitReason, Fill

INTERNAL_ERROR = "internal error"
Outcome = Literal["recorded", "ignored", "rejected"]


class AcceptedSignal(Struct, frozen=True, kw_only=True, gc=False):
    """A signal with what was in force when it was accepted, at `occurred_at` (ns, UTC) after the tick at `place`.

    `symbol` and `contract` are None for a close-all, which concerns every open position. One that `is_manual` was
    given by hand, by the user; no body can say so of itself.
    """

    id: int
    signal: Signal
    symbol: str | None
    contract: Contract | None
    settings: RecorderSettings
    place: int
    occurred_at: int
    is_manual: bool = False


class Applied(Struct, frozen=True, kw_only=True, gc=False):
    """What became of a signal, and the positions it moved: one, or on a reversal the closed and the opened one.

    `entry` is what became of the entry it asked for: made (`ENTERED`), or the name of the filter that held it back.
    """

    status: Outcome
    reason: str | None = None
    note: str | None = None
    entry: str | None = None
    positions: tuple[Position, ...] = ()


class _Price(Struct, frozen=True, kw_only=True, gc=False):
    """The price a signal would fill at, and where it is absurd the market's price and a sentence that says so."""

    wanted: Decimal
    market: Decimal | None = None
    objection: str | None = None


def apply(
    accepted: AcceptedSignal, position: Position | None, market: Decimal | None, standing: Standing = NOTHING_BEFORE
) -> Applied:
    """Apply a signal at its place to the open position (None: flat), `market` being the symbol's last tick there.

    `standing` is where the recorder stands then, as far as its filters ask.
    """
    if accepted.settings.inverse:
        accepted = replace(accepted, signal=inverted(accepted.signal))
    try:
        with exact():
            return _apply(accepted, position, market, standing)
    except SignalRefused as refusal:
        return Applied(status="rejected", reason=refusal.reason)
    except Exception as error:  # noqa: BLE001 - a signal on which the fold fails must block no other
        return Applied(status="rejected", reason=f"{INTERNAL_ERROR}: {error!r}")


def _apply(accepted: AcceptedSignal, position: Position | None, market: Decimal | None, standing: Standing) -> Applied:
    signal, settings = accepted.signal, accepted.settings
    held = position.held if position else 0
    missed = _missed_signals(signal, held, settings)
    intent = interpret(signal, held, settings, _stated_quantity(accepted, position, market))
    if isinstance(intent, Ignored):
        return Applied(status="ignored", reason=intent.reason, note=missed)
    if accepted.is_manual:
        intent = replace(intent, reason=ExitReason.MANUAL)
    price = _price(signal, settings, market)
    notes = [missed]
    obstacle = _obstacle_to_entry(accepted, intent, price, standing) if intent.enters else None
    if obstacle and not intent.exits:
        return replace(obstacle, note=missed)
    if obstacle:
        intent = replace(intent, enters=0, reason=ExitReason.SIGNAL)
        notes.append(f"not reversed: {obstacle.reason}")
    elif price.objection:
        notes.append(f"filled at the last tick: {price.objection}")
    return Applied(
        status="recorded",
        note="; ".join(filter(None, notes)) or None,
        entry=ENTERED if intent.enters else (obstacle.entry if obstacle else None),
        positions=_execute(accepted, position, intent, price, market),
    )


def _execute(
    accepted: AcceptedSignal, position: Position | None, intent: Intent, price: _Price, market: Decimal | None
) -> tuple[Position, ...]:
    moved: tuple[Position, ...] = ()
    if intent.exits and position:
        fill = _fill(accepted, intent.exits, price.market or price.wanted, intent.reason)
        moved = (exit_lots(position, fill),)
        position = None
    if intent.enters:
        fill = _fill(accepted, intent.enters, price.wanted, None)
        moved = (*moved, _enter(accepted, position, fill, intent.direction, market))
    return moved


def _enter(
    accepted: AcceptedSignal, position: Position | None, fill: Fill, direction: int, market: Decimal | None
) -> Position:
    overrides = accepted.signal.overrides
    rules = rules_for_entry(accepted.settings, overrides, fill.price, position.plan.rules if position else None)
    held = fill.quantity + (position.quantity if position else 0)
    if held > MAX_WHOLE:
        raise SignalRefused(f"quantity: {held} contracts would be held, beyond {MAX_WHOLE}")
    average = _average_after(position, fill)
    refuse_exits_on_wrong_side(rules, overrides, average=average, direction=direction)
    if position:
        return add_lot(position, fill, rules)
    instrument = _instrument(accepted)
    return open_position(fill, instrument, direction=direction, rules=rules, place=accepted.place, last_price=market)


def _average_after(position: Position | None, fill: Fill) -> Fraction:
    if position is None:
        return Fraction(fill.price)
    value = position.average * position.quantity + Fraction(fill.price) * fill.quantity
    return value / (position.quantity + fill.quantity)


def _fill(accepted: AcceptedSignal, quantity: int, price: Decimal, reason: ExitReason | None) -> Fill:
    return Fill(
        quantity=quantity,
        price=price,
        occurred_at=accepted.occurred_at,
        reason=reason,
        signal_id=accepted.id,
    )


def _price(signal: Signal, settings: RecorderSettings, market: Decimal | None) -> _Price:
    preferred, fallback = (signal.price, market) if settings.fill_price == "signal" else (market, signal.price)
    wanted = preferred if preferred is not None else fallback
    if wanted is None:
        raise SignalRefused("price: the alert names none and no tick of the symbol has been seen yet")
    if market is None or wanted is market or not _is_absurd(wanted, market, settings.max_price_deviation):
        return _Price(wanted=wanted)
    objection = (
        f"price: {plain(wanted)} is more than {plain(settings.max_price_deviation)} %"
        f" from the last tick {plain(market)}"
    )
    return _Price(wanted=wanted, market=market, objection=objection)


def _is_absurd(price: Decimal, market: Decimal, max_deviation_percent: Decimal) -> bool:
    return max_deviation_percent > 0 and abs(price - market) * 100 > max_deviation_percent * abs(market)


def _obstacle_to_entry(accepted: AcceptedSignal, intent: Intent, price: _Price, standing: Standing) -> Applied | None:
    entry = Entry(direction=intent.direction, occurred_at=accepted.occurred_at, standing=standing)
    held_back = find_filter(accepted.settings, entry)
    if held_back:
        return Applied(status="ignored", reason=held_back.reason, entry=held_back.filter)
    if price.objection:
        return Applied(status="rejected", reason=price.objection)
    return None


def _stated_quantity(accepted: AcceptedSignal, position: Position | None, market: Decimal | None) -> StatedQuantity:
    """Read the quantity as stated; a stated risk decides it instead."""
    signal, settings = accepted.signal, accepted.settings
    risk_dollars = signal.overrides.risk_dollars
    if risk_dollars is None:
        return plain_quantity(signal)

    def quantity_at_risk(direction: int) -> int:
        price = _price(signal, settings, market).wanted
        standing = position.plan.rules if position and position.direction == direction else None
        rules = rules_for_entry(settings, signal.overrides, price, standing)
        contract = _instrument(accepted).contract
        return risk_quantity(risk_dollars, rules, fill_price=price, direction=direction, contract=contract)

    return quantity_at_risk


def _instrument(accepted: AcceptedSignal) -> ResolvedSymbol:
    if accepted.symbol is None or accepted.contract is None:
        raise SignalRefused("symbol: an entry needs one")
    return ResolvedSymbol(symbol=accepted.symbol, contract=accepted.contract)


def _missed_signals(signal: Signal, held: int, settings: RecorderSettings) -> str | None:
    if signal.previous_size is None or signal.previous_size == held:
        return None
    alert = "the alert, inverted," if settings.inverse else "the alert"
    return f"missed_signals: {alert} says that {signal.previous_size} were held before, the recorder held {held}"
