"""What a contract is worth: its tick size and multiplier; it does not know where the table is kept."""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, cast

from shared.domain.numbers import parse_number
from shared.domain.refusals import ValueRefused

ContractKind = Literal["future", "spot"]

COLUMNS = ("root", "kind", "exchange", "name", "tick_size", "multiplier", "currency")
ROOT = re.compile(r"[A-Z0-9]{1,20}")
CURRENCY = re.compile(r"[A-Z]{3,5}")


class ContractsRefused(ValueError):
    """The table of contracts contradicts itself; the message names the line and the column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """The facts that hold for every month of one root.

    `tick_size` is the minimum price increment in points, `multiplier` the currency per point.
    """

    root: str
    kind: ContractKind
    exchange: str
    name: str
    tick_size: Decimal
    multiplier: Decimal
    currency: str

    @property
    def tick_value(self) -> Decimal:
        """The currency that one tick of one contract is worth."""
        return self.tick_size * self.multiplier


def read_contracts(lines: Iterable[str]) -> dict[str, Contract]:
    """Read CSV lines with a header into contracts by root; raises ContractsRefused."""
    rows = csv.DictReader(lines)
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise ContractsRefused(f"line 1: the columns must be {','.join(COLUMNS)}")
    contracts: dict[str, Contract] = {}
    for row in rows:
        try:
            contract = parse_contract(row)
            if contract.root in contracts:
                raise ValueRefused(f"root: {contract.root} stands there twice")  # noqa: TRY301 - one place adds the line number
        except ValueRefused as refusal:
            raise ContractsRefused(f"line {rows.line_num}: {refusal}") from refusal
        contracts[contract.root] = contract
    return contracts


def parse_contract(row: Mapping[str, str | None]) -> Contract:
    """Read one row of the table, all values as text; raises ValueRefused naming the column."""
    values = {column: (row.get(column) or "").strip() for column in COLUMNS}
    if None in row or not all(values.values()):
        raise ValueRefused(f"needs exactly the columns {','.join(COLUMNS)}, none of them empty")
    return Contract(
        root=_matching("root", values["root"], ROOT),
        kind=_kind(values["kind"]),
        exchange=values["exchange"],
        name=values["name"],
        tick_size=_positive("tick_size", values["tick_size"]),
        multiplier=_positive("multiplier", values["multiplier"]),
        currency=_matching("currency", values["currency"], CURRENCY),
    )


def _kind(text: str) -> ContractKind:
    if text not in ("future", "spot"):
        raise ValueRefused(f"kind: {text!r} is neither future nor spot")
    return cast("ContractKind", text)


def _matching(column: str, text: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(text):
        raise ValueRefused(f"{column}: {text!r} is not of the form {pattern.pattern}")
    return text


def _positive(column: str, text: str) -> Decimal:
    try:
        value = parse_number(text)
    except ValueRefused as refusal:
        raise ValueRefused(f"{column}: {refusal}") from refusal
    if value <= 0:
        raise ValueRefused(f"{column}: {text} is not more than 0")
    return value
