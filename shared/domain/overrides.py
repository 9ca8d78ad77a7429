"""Stops, targets and risk that a body brings along; it does not plan levels from them."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple, TypeVar

from msgspec import Struct

from shared.domain.numbers import parse_positive, plain
from shared.domain.refusals import SignalRefused, ValueRefused
from shared.domain.stated_exits import ExitKind, ExitOverride, item_text, parse_exit, parse_exit_object, resolve_bare

__all__ = ["NO_OVERRIDES", "ExitOverride", "Overrides", "TargetOverride", "parse_overrides", "resolve_bare"]


Value = TypeVar("Value")

HUNDRED = Decimal(100)
RISK = "risk_dollars"


def _kinds(short: str, price_key: str, long: str) -> dict[str, ExitKind]:
    """Name the keys of one exit; where several are present the first one here counts."""
    return {
        f"{short}_ticks": "ticks",
        f"{short}_points": "points",
        f"{short}_price": "price",
        price_key: "price",
        f"dollar_{short}": "dollars",
        f"dollars_{short}": "dollars",
        f"{short}_dollar": "dollars",
        f"{short}_dollars": "dollars",
        f"percent_{short}": "percent",
        f"{short}_percent": "percent",
        short: "bare",
        long: "bare",
    }


STOP_KEYS = _kinds("sl", "stoploss", "stop_loss")
TARGET_KEYS = _kinds("tp", "takeprofit", "take_profit")


class TargetOverride(NamedTuple):
    """One take profit leg of a body; `trim_percent` is None where the leg takes all that is left."""

    exit: ExitOverride
    trim_percent: Decimal | None


class Overrides(Struct, frozen=True, kw_only=True, gc=False):
    """What a body says about its exits; None and the empty tuple leave the settings in force."""

    stop: ExitOverride | None = None
    targets: tuple[TargetOverride, ...] = ()
    risk_dollars: Decimal | None = None


NO_OVERRIDES = Overrides()


def parse_overrides(fields: Mapping[str, object]) -> Overrides:
    """Read every override among a body's fields (lower-case keys); raises SignalRefused naming the key."""
    stops = [_named(key, _parse_stop, kind, fields[key]) for key, kind in STOP_KEYS.items() if key in fields]
    targets = [_named(key, _parse_targets, kind, fields[key]) for key, kind in TARGET_KEYS.items() if key in fields]
    return Overrides(
        stop=stops[0] if stops else None,
        targets=targets[0] if targets else (),
        risk_dollars=_named(RISK, _parse_risk, "dollars", fields[RISK]) if RISK in fields else None,
    )


def _parse_stop(kind: ExitKind, item: object) -> ExitOverride:
    stop = parse_exit_object(item) if isinstance(item, Mapping) else parse_exit(kind, item)
    if stop.kind == "percent" and stop.value >= HUNDRED:
        raise ValueRefused(f"{plain(stop.value)} is not less than 100 per cent")
    return stop


def _parse_targets(kind: ExitKind, item: object) -> tuple[TargetOverride, ...]:
    items = item if isinstance(item, list) else [item]
    targets = tuple(_parse_target(kind, each) for each in items)
    if len(targets) > 1 and any(target.exit.kind == "off" for target in targets):
        raise ValueRefused("0 stands among other targets")
    if any(target.trim_percent is None for target in targets[:-1]):
        raise ValueRefused("only the last target may come without trim_percent")
    return targets


def _parse_target(kind: ExitKind, item: object) -> TargetOverride:
    if not isinstance(item, Mapping):
        return TargetOverride(parse_exit(kind, item), None)
    trim = item.get("trim_percent")
    percent = None if trim is None or trim == "" else parse_positive(item_text(trim))
    if percent is not None and percent > HUNDRED:
        raise ValueRefused(f"trim_percent {plain(percent)} is more than 100")
    return TargetOverride(parse_exit_object(item), percent)


def _parse_risk(_: ExitKind, item: object) -> Decimal:
    return parse_positive(item_text(item))


def _named(key: str, parse: Callable[[ExitKind, object], Value], kind: ExitKind, item: object) -> Value:
    try:
        return parse(kind, item)
    except ValueRefused as refusal:
        raise SignalRefused(f"{key}: {refusal}") from refusal
