"""Symbols as traders write them, brought to one normal form; it does not know which feed has them."""

import re
from collections.abc import Mapping

from msgspec import Struct

from shared.domain.contracts import Contract
from shared.domain.numbers import shown
from shared.domain.timestamps import to_datetime

MONTH_CODES = "FGHJKMNQUVXZ"
YEARS_BACK = 2
CONTINUOUS = re.compile(r"[1-9]!")
DATED = re.compile(rf"([{MONTH_CODES}])([0-9]|[0-9]{{2}}|(?:19|2[0-2])[0-9]{{2}})")


class UnknownSymbol(ValueError):
    """No contract fits the symbol; the message is `unknown symbol X`."""

    def __init__(self, text: str) -> None:
        super().__init__(f"unknown symbol {shown(text.strip())}")


class ResolvedSymbol(Struct, frozen=True, kw_only=True, gc=False):
    """A symbol in normal form (`MNQ1!`, `MNQZ2026`, `BTCUSD`) with its contract."""

    symbol: str
    contract: Contract


def normalize_symbol(text: str, *, occurred_at: int, contracts: Mapping[str, Contract]) -> ResolvedSymbol:
    """Resolve a symbol in any notation, a one-digit year as of `occurred_at` (ns); raises UnknownSymbol."""
    name = text.strip().upper().rpartition(":")[2].strip()
    for length in range(len(name), 0, -1):
        contract = contracts.get(name[:length])
        suffix = _normal_suffix(contract, name[length:], occurred_at) if contract else None
        if contract and suffix is not None:
            return ResolvedSymbol(symbol=contract.root + suffix, contract=contract)
    raise UnknownSymbol(text)


def _normal_suffix(contract: Contract, suffix: str, occurred_at: int) -> str | None:
    """What follows the root in normal form, or None if that cannot follow this root."""
    if contract.kind == "spot":
        return None if suffix else ""
    if not suffix:
        return "1!"
    if CONTINUOUS.fullmatch(suffix):
        return suffix
    dated = DATED.fullmatch(suffix)
    return f"{dated[1]}{_full_year(dated[2], occurred_at)}" if dated else None


def _full_year(digits: str, occurred_at: int) -> int:
    if len(digits) > 1:
        return int(digits) if len(digits) > 2 else 2000 + int(digits)  # noqa: PLR2004 - a number of digits
    earliest = to_datetime(occurred_at).year - YEARS_BACK
    return earliest + (int(digits) - earliest) % 10
