"""From a webhook body to a signal; it does not know contracts, settings or positions."""

from collections.abc import Callable
from decimal import Decimal
from typing import Literal, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.actions import OPPOSITES, Action, find_action
from shared.domain.bodies import Body, read_body
from shared.domain.numbers import parse_positive, parse_whole, refuse_placeholder, shown
from shared.domain.overrides import NO_OVERRIDES, RISK, STOP_KEYS, TARGET_KEYS, Overrides, parse_overrides
from shared.domain.refusals import SignalRefused, ValueRefused
from shared.domain.stated_positions import OTHER_SIDE, MarketPosition, combine_size, parse_market_position
from shared.domain.timestamps import parse_webhook_time

__all__ = [
    "Action",
    "MarketPosition",
    "Signal",
    "SignalRefused",
    "SignalType",
    "inverted",
    "parse_quantity",
    "parse_signal",
    "unread_keys",
]

SignalType = Literal["strategy", "alert"]
Raw = TypeVar("Raw")
Value = TypeVar("Value")

SYMBOL = ("ticker", "symbol", "instrument")
ACTION = ("action", "order_action", "side", "signal", "direction")
ACTION_IF_KNOWN = ("order_type", "type")
PRICE = ("price", "close", "last", "entry", "order_price")
QUANTITY = ("quantity", "qty", "contracts", "size", "amount")
MARKET_POSITION = ("market_position", "position", "sentiment")
SIGNED_SIZE = ("position_size",)
UNSIGNED_SIZE = ("market_position_size",)
PREVIOUS_POSITION = ("prev_market_position",)
PREVIOUS_SIGNED_SIZE = ("prev_position_size",)
PREVIOUS_UNSIGNED_SIZE = ("prev_market_position_size",)
TIME = ("time", "timenow", "timestamp")
ALERT_ID = ("id", "alert_id")
RECORDER_NAME = ("recorder", "strategy", "strategy_name", "name")
WRAPPED_TEXT = ("message", "text")
PAYLOAD = frozenset(SYMBOL + ACTION + PRICE + QUANTITY + MARKET_POSITION + SIGNED_SIZE + UNSIGNED_SIZE)

READ = frozenset(
    PAYLOAD.union(ACTION_IF_KNOWN, PREVIOUS_POSITION, PREVIOUS_SIGNED_SIZE, PREVIOUS_UNSIGNED_SIZE)
    .union(TIME, ALERT_ID, RECORDER_NAME, WRAPPED_TEXT)
    .union(STOP_KEYS, TARGET_KEYS, (RISK,))
)

LONGEST_LABEL = 200


class Signal(Struct, frozen=True, kw_only=True, gc=False):
    """What a body said, checked as far as that goes without looking at anything else.

    `position_size` is the stated target, signed: already combined with the market position.
    `quantity_text` is unchecked until a rule uses it (`parse_quantity`). `occurred_at` is ns, UTC.
    `action` CLOSE_ALL has no symbol: it closes every open position of the recorder.
    """

    action: Action | None = None
    symbol_text: str | None = None
    price: Decimal | None = None
    quantity_text: str | None = None
    market_position: MarketPosition | None = None
    position_size: int | None = None
    previous_size: int | None = None
    occurred_at: int | None = None
    alert_id: str | None = None
    recorder_name: str | None = None
    overrides: Overrides = NO_OVERRIDES
    signal_type: SignalType = "alert"


def parse_signal(body: bytes | str) -> Signal:
    """Read a webhook body; raises SignalRefused with the reason."""
    read = _unwrapped(read_body(body))
    symbol_text = _field(read, "symbol", SYMBOL, _label)
    action = _action(read)
    market_position = _field(read, "market position", MARKET_POSITION, parse_market_position)
    position_size = _position_size(read, market_position)
    if action is None and market_position is None and position_size is None:
        raise SignalRefused("no action")
    return Signal(
        action=Action.EXIT if action is Action.CLOSE_ALL and symbol_text else action,
        symbol_text=symbol_text,
        price=_field(read, "price", PRICE, parse_positive),
        quantity_text=_quantity_text(read),
        market_position=market_position,
        position_size=position_size,
        previous_size=_previous_size(read),
        occurred_at=_field(read, "time", TIME, parse_webhook_time),
        alert_id=_field(read, "id", ALERT_ID, _label),
        recorder_name=_field(read, "recorder", RECORDER_NAME, _label),
        overrides=parse_overrides(read.fields),
        signal_type="alert" if market_position is None and position_size is None else "strategy",
    )


def unread_keys(body: bytes | str) -> list[str]:
    """List the keys of a body, in lower case, that say nothing to the recorder; raises SignalRefused."""
    return sorted(_unwrapped(read_body(body)).fields.keys() - READ)


def inverted(signal: Signal) -> Signal:
    """Mirror what a signal says of sides: entries, exits of one side, positions stated; distances and prices stay."""
    side, size, previous = signal.market_position, signal.position_size, signal.previous_size
    return replace(
        signal,
        action=None if signal.action is None else OPPOSITES.get(signal.action, signal.action),
        market_position=None if side is None else OTHER_SIDE[side],
        position_size=None if size is None else -size,
        previous_size=None if previous is None else -previous,
    )


def parse_quantity(text: str) -> int:
    """Read a quantity that a rule is about to use; raises SignalRefused."""
    quantity = _named("quantity", parse_whole, text)
    if quantity <= 0:
        raise SignalRefused(f"quantity: {quantity} is not more than 0")
    return quantity


def _unwrapped(read: Body) -> Body:
    """Read the text inside an object that says nothing else about a trade, however often it is wrapped."""
    wrapped = next((read.fields[key] for key in WRAPPED_TEXT if key in read.fields), None)
    if not isinstance(wrapped, str) or not PAYLOAD.isdisjoint(read.fields):
        return read
    inner = _unwrapped(read_body(wrapped))
    return Body(fields={**read.fields, **inner.fields}, is_text=inner.is_text)


def _action(read: Body) -> Action | None:
    def known(text: str) -> Action:
        refuse_placeholder(text)
        action = find_action(text)
        if action is None:
            raise ValueRefused(f"{shown(text)!r} is not an action")
        return action

    stated = _field(read, "action", ACTION, known)
    types = (find_action(str(read.fields[key])) for key in ACTION_IF_KNOWN if key in read.fields)
    return stated or next((action for action in types if action), None)


def _position_size(read: Body, market_position: MarketPosition | None) -> int | None:
    size = _field(read, "position size", SIGNED_SIZE + UNSIGNED_SIZE, parse_whole)
    if size is not None and market_position is None and SIGNED_SIZE[0] not in read.fields:
        raise SignalRefused(f"position size: {size} has no side, send market_position with it")
    return _named("position size", lambda position: combine_size(position, size), market_position)


def _previous_size(read: Body) -> int | None:
    """Combine what is said about the position before; a size without its side says nothing unless it is 0."""
    position = _field(read, "previous", PREVIOUS_POSITION, parse_market_position)
    signed = _field(read, "previous", PREVIOUS_SIGNED_SIZE, parse_whole)
    unsigned = _field(read, "previous", PREVIOUS_UNSIGNED_SIZE, parse_whole)
    if signed is None and position is None:
        return 0 if unsigned == 0 else None
    return _named("previous", lambda side: combine_size(side, unsigned if signed is None else signed), position)


def _quantity_text(read: Body) -> str | None:
    """Find the quantity as it was written; text alerts sign it by direction, which says nothing new."""
    written = next((str(read.fields[key]) for key in QUANTITY if key in read.fields), None)
    return written.removeprefix("-") if written and read.is_text else written


def _label(text: str) -> str:
    refuse_placeholder(text)
    if len(text) > LONGEST_LABEL:
        raise ValueRefused(f"{shown(text)!r} is longer than {LONGEST_LABEL} characters")
    return text


def _field(read: Body, name: str, keys: tuple[str, ...], parse: Callable[[str], Value]) -> Value | None:
    """Parse the first of the keys that is there."""
    item = next((read.fields[key] for key in keys if key in read.fields), None)
    if item is None:
        return None
    if not isinstance(item, str):
        raise SignalRefused(f"{name}: {shown(str(item))} is not a single value")
    return _named(name, parse, item)


def _named(name: str, parse: Callable[[Raw], Value], raw: Raw) -> Value:
    try:
        return parse(raw)
    except ValueRefused as refusal:
        raise SignalRefused(f"{name}: {refusal}") from refusal
