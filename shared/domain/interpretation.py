"""What a signal asks of a position: how much to close and how much to open; it knows no prices."""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.actions import Action
from shared.domain.recorder_settings import RecorderSettings
from shared.domain.signals import Signal, SignalRefused, parse_quantity
from shared.domain.trades import LONG, SHORT, ExitReason

NOTHING_TO_CLOSE = "nothing to close"
ALREADY_THERE = "already there"

StatedQuantity = Callable[[int], int | None]
"""Reads the quantity that a signal states for an entry in a direction; None: it states none; raises SignalRefused."""

_ENTRIES = {Action.BUY: LONG, Action.SELL: SHORT}
_EXIT_REASONS = {
    Action.EXIT: ExitReason.SIGNAL,
    Action.EXIT_LONG: ExitReason.SIGNAL,
    Action.EXIT_SHORT: ExitReason.SIGNAL,
    Action.CLOSE_ALL: ExitReason.SIGNAL,
    Action.TAKE_PROFIT: ExitReason.TP,
    Action.STOP_LOSS: ExitReason.SL,
}
_SIDES = {"long": LONG, "short": SHORT, "flat": 0}


class Intent(Struct, frozen=True, kw_only=True, gc=False):
    """Close `exits` contracts of what is held, then enter `enters` in `direction` (+1 long, -1 short)."""

    exits: int = 0
    enters: int = 0
    direction: int = 0
    reason: ExitReason = ExitReason.SIGNAL


class Ignored(Struct, frozen=True, kw_only=True, gc=False):
    """The signal is understood and changes nothing."""

    reason: str


def interpret(
    signal: Signal, held: int, settings: RecorderSettings, stated_quantity: StatedQuantity
) -> Intent | Ignored:
    """Decide by the first rule that applies, `held` being signed; raises SignalRefused where a quantity is wrong."""
    action = signal.action
    if action is Action.PRICE_ALERT:
        return Ignored(reason="price alert")
    if action in _EXIT_REASONS:
        return _exit(signal, held, _EXIT_REASONS[action])
    if signal.position_size is not None:
        return _capped(_go_to(held, signal.position_size), held, settings)
    if signal.market_position is not None:
        return _capped(_take_side(signal, held, settings, stated_quantity), held, settings)
    if action is Action.REVERSE:
        return _capped(_turn(held, abs(held)), held, settings) if held else Ignored(reason="nothing to reverse")
    if action is None:
        raise SignalRefused("no action")
    return _capped(_enter(_ENTRIES[action], held, settings, stated_quantity), held, settings)


def refusal_whatever_is_held(signal: Signal, settings: RecorderSettings) -> str | None:
    """Return the reason why no position could make sense of the signal, or None if one could."""
    refusal = _refusal(signal, 0, settings)
    return refusal if refusal and all(_refusal(signal, held, settings) for held in (LONG, SHORT)) else None


def plain_quantity(signal: Signal) -> StatedQuantity:
    """Read the quantity as the body states it."""
    return lambda _direction: None if signal.quantity_text is None else parse_quantity(signal.quantity_text)


def _refusal(signal: Signal, held: int, settings: RecorderSettings) -> str | None:
    try:
        interpret(signal, held, settings, plain_quantity(signal))
    except SignalRefused as refusal:
        return refusal.reason
    return None


def _exit(signal: Signal, held: int, reason: ExitReason) -> Intent | Ignored:
    exits_long, exits_short = signal.action is Action.EXIT_LONG, signal.action is Action.EXIT_SHORT
    if held == 0 or (exits_long and held < 0) or (exits_short and held > 0):
        return Ignored(reason=NOTHING_TO_CLOSE)
    target = signal.position_size
    keeps = abs(target) if target is not None and target * held > 0 else 0
    if keeps >= abs(held):
        return Ignored(reason=ALREADY_THERE)
    return Intent(exits=abs(held) - keeps, reason=reason)


def _go_to(held: int, target: int) -> Intent | Ignored:
    if target == held:
        return Ignored(reason=ALREADY_THERE)
    if target * held < 0:
        return _turn(held, abs(target))
    if abs(target) > abs(held):
        return _entry(LONG if target > 0 else SHORT, abs(target) - abs(held))
    return Intent(exits=abs(held) - abs(target))


def _take_side(
    signal: Signal, held: int, settings: RecorderSettings, stated_quantity: StatedQuantity
) -> Intent | Ignored:
    side = _SIDES[signal.market_position or "flat"]
    if side == 0:
        return Intent(exits=abs(held)) if held else Ignored(reason=NOTHING_TO_CLOSE)
    if held == 0:
        return _entry(side, _opening(stated_quantity(side), settings))
    if side * held > 0:
        quantity = _adding(stated_quantity(side), settings)
        trims = signal.action is not None and _ENTRIES.get(signal.action) == -side
        return Intent(exits=min(quantity, abs(held))) if trims else _entry(side, quantity)
    stated = stated_quantity(side)
    if stated is not None and stated > abs(held):
        return _turn(held, stated - abs(held))
    return _turn(held, _opening(stated, settings))


def _enter(direction: int, held: int, settings: RecorderSettings, stated_quantity: StatedQuantity) -> Intent | Ignored:
    if held == 0:
        return _entry(direction, _opening(stated_quantity(direction), settings))
    if direction * held > 0:
        if settings.same_direction == "ignore":
            return Ignored(reason="same_direction: already in this direction")
        return _entry(direction, _adding(stated_quantity(direction), settings))
    return _go_against(direction, held, settings, stated_quantity)


def _go_against(
    direction: int, held: int, settings: RecorderSettings, stated_quantity: StatedQuantity
) -> Intent | Ignored:
    match settings.opposite_signal:
        case "ignore":
            return Ignored(reason="opposite_signal: a signal against the position is ignored")
        case "close":
            return Intent(exits=abs(held))
        case "reduce":
            return _go_to(held, held + direction * _adding(stated_quantity(direction), settings))
        case "reverse":
            return _turn(held, _opening(stated_quantity(direction), settings))


def _entry(direction: int, quantity: int) -> Intent:
    return Intent(enters=quantity, direction=direction)


def _turn(held: int, quantity: int) -> Intent:
    direction = SHORT if held > 0 else LONG
    return Intent(exits=abs(held), enters=quantity, direction=direction, reason=ExitReason.REVERSAL)


def _capped(intent: Intent | Ignored, held: int, settings: RecorderSettings) -> Intent | Ignored:
    if isinstance(intent, Ignored) or not intent.enters or settings.max_contracts == 0:
        return intent
    room = settings.max_contracts - (abs(held) - intent.exits)
    if room <= 0:
        return Ignored(reason=f"max_contracts: {abs(held)} of {settings.max_contracts} are held")
    return replace(intent, enters=min(intent.enters, room))


def _opening(quantity: int | None, settings: RecorderSettings) -> int:
    return quantity if quantity is not None else settings.initial_position_size or 1


def _adding(quantity: int | None, settings: RecorderSettings) -> int:
    return quantity if quantity is not None else settings.add_position_size or 1
