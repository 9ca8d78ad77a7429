"""Take profit legs as settings state them; their levels and sizes are planned elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from shared.domain.numbers import parse_positive, plain
from shared.domain.refusals import ValueRefused
from shared.domain.setting_values import number_text

TrimUnit = Literal["Contracts", "Percent"]
HUNDRED = Decimal(100)
KEYS = frozenset({"value", "ticks", "trim"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeProfitTarget:
    """One leg: its distance, and how much it closes in contracts (int) or per cent; None takes the rest."""

    value: Decimal
    trim: int | Decimal | None = None


def parse_targets(value: object) -> tuple[TakeProfitTarget, ...]:
    """Read `[{"value": 20, "trim": 1}, ...]` into legs, nearest first whatever the order; raises ValueRefused."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise ValueRefused("must be a list of targets")
    targets = [_numbered(number, item) for number, item in enumerate(value, start=1)]
    targets.sort(key=lambda target: target.value)
    if any(target.trim is None for target in targets[:-1]):
        raise ValueRefused("only the farthest target may come without trim")
    return tuple(targets)


def sized_targets(targets: tuple[TakeProfitTarget, ...], trim_units: TrimUnit) -> tuple[TakeProfitTarget, ...]:
    """Bring the trims to their unit, contracts to int; raises ValueRefused where one does not fit it."""
    return tuple(replace(target, trim=_sized(target.trim, trim_units)) for target in targets)


def _numbered(number: int, item: object) -> TakeProfitTarget:
    try:
        return _parse_target(item)
    except ValueRefused as refusal:
        raise ValueRefused(f"target {number}: {refusal}") from refusal


def _parse_target(item: object) -> TakeProfitTarget:
    if not isinstance(item, Mapping) or not set(item) <= KEYS or ("value" in item) == ("ticks" in item):
        raise ValueRefused("needs a value and may have a trim, nothing else")
    trim = item.get("trim")
    return TakeProfitTarget(
        value=parse_positive(number_text(item.get("value", item.get("ticks")))),
        trim=None if trim is None or trim == "" else parse_positive(number_text(trim)),
    )


def _sized(trim: int | Decimal | None, trim_units: TrimUnit) -> int | Decimal | None:
    if trim is None:
        return None
    if trim_units == "Percent":
        if trim > HUNDRED:
            raise ValueRefused(f"a trim of {plain(Decimal(trim))} is more than 100 per cent")
        return trim
    if trim != int(trim):
        raise ValueRefused(f"a trim of {plain(Decimal(trim))} contracts is not whole")
    return int(trim)
