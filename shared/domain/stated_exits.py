"""One stop or target as a body states it; where its level lies is planned elsewhere."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from shared.domain.numbers import parse_number, plain, shown
from shared.domain.refusals import ValueRefused

ExitKind = Literal["ticks", "points", "price", "percent", "dollars", "bare", "off"]

OBJECT_KINDS: dict[str, ExitKind] = {
    "ticks": "ticks",
    "points": "points",
    "amount": "points",
    "percent": "percent",
    "dollars": "dollars",
    "price": "price",
    "stopprice": "price",
    "limitprice": "price",
}
OTHER_MEANINGS = ("trim", "trim_contracts", "quantity", "qty", "contracts", "size")  # would change what an exit does


class ExitOverride(Struct, frozen=True, kw_only=True, gc=False):
    """One exit as a body states it; `bare` is a price or ticks, which only the fill price can tell."""

    kind: ExitKind
    value: Decimal


def parse_exit(kind: ExitKind, item: object) -> ExitOverride:
    """Read one number from 0 up, 0 switching the exit off; raises ValueRefused."""
    value = parse_number(item_text(item))
    if value < 0:
        raise ValueRefused(f"{plain(value)} is less than 0")
    return ExitOverride(kind="off" if value == 0 else kind, value=value)


def parse_exit_object(item: Mapping[str, object]) -> ExitOverride:
    """Read the one distance or price in `{"loss_ticks": 7}`; a trailing stop is not taken for a fixed one."""
    kind = next((str(item[key]) for key in item if key.lower() == "type"), "")
    if "trail" in kind.lower() or any(key.lower().startswith("trail") for key in item):
        raise ValueRefused("an alert cannot make a stop trail, that is the recorder's setting sl_type")
    meant = next((key for key in item if key.lower() in OTHER_MEANINGS), None)
    if meant is not None:
        raise ValueRefused(f"{meant} is not available, a part is stated as trim_percent")
    units = {key: key.lower().removeprefix("loss_").removeprefix("gain_") for key in item}
    stated = [parse_exit(OBJECT_KINDS[unit], item[key]) for key, unit in units.items() if unit in OBJECT_KINDS]
    if len(stated) != 1:
        raise ValueRefused(f"{shown(str(item))} does not state exactly one distance or price")
    return stated[0]


def resolve_bare(override: ExitOverride, fill_price: Decimal) -> ExitOverride:
    """Decide what a bare number is: a price between half and one and a half times the fill price, else ticks."""
    if override.kind != "bare":
        return override
    is_price = fill_price <= 2 * override.value <= 3 * fill_price
    return ExitOverride(kind="price" if is_price else "ticks", value=override.value)


def item_text(item: object) -> str:
    """Take a value that may be a number, which a body's values are while they are text; raises ValueRefused."""
    if not isinstance(item, str):
        raise ValueRefused(f"{shown(str(item))} is not a number")
    return item
