"""Rows beside what they would be if they were written now from the recomputed fold; it recomputes nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import zip_longest
from typing import Any

import msgspec

from shared.domain.contracts import Contract
from shared.domain.position import Position, opening_signal_id
from shared.store.audit_rows import RecordedPosition
from shared.store.fold_results import leg_row
from shared.store.positions import moved_row
from shared.store.signals import LoggedSignal
from shared.store.trades import trade_rows

MISSING = "missing"
THERE = "there"
_JSON = frozenset({"entries", "exit_plan", "totals"})

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field that the database has otherwise than the logs; `field` names the trade, leg or signal, too."""

    symbol: str | None
    position_id: int | None
    field: str
    stored: object
    recomputed: object


def signal_differences(signal: LoggedSignal, recomputed: Mapping[str, object]) -> Iterator[Difference]:
    """Compare what became of a signal."""
    for name, value in recomputed.items():
        if getattr(signal, name) != value:
            yield _of_signal(signal, name, getattr(signal, name), value)


def position_differences(recorded: RecordedPosition, position: Position, contract: Contract) -> Iterator[Difference]:
    """Compare a position's row, which names a `contract`, and its legs."""
    if contract != position.contract:
        yield _of(recorded, "contract_id", contract, position.contract)
    for name, value in moved_row(position).items():
        recomputed = msgspec.to_builtins(value) if name in _JSON else value
        if _normal(name, recorded.row[name]) != _normal(name, recomputed):
            yield _of(recorded, name, recorded.row[name], recomputed)
    stored = {row["number"]: row for row in recorded.legs}
    computed = {leg.number: leg_row(recorded.row["id"], leg) for leg in position.legs}
    for number in sorted({*stored, *computed}):
        yield from _row_differences(recorded, f"leg {number}", stored.get(number), computed.get(number))


def trade_differences(recorded: RecordedPosition, candidates: Iterable[Position]) -> list[Difference]:
    """Compare the trades of a position with those of whichever of its states is most like them."""
    return min((_trade_differences(recorded, each) for each in candidates), key=len)


def missing_position(symbol: str, position: Position) -> Difference:
    """A position that the logs lead to and the database does not have."""
    field = f"position opened by signal {opening_signal_id(position)}"
    return Difference(symbol=symbol, position_id=None, field=field, stored=MISSING, recomputed=THERE)


def unknown_position(recorded: RecordedPosition) -> Difference:
    """A position that the database has and the logs do not lead to."""
    return _of(recorded, "position", THERE, MISSING)


def _trade_differences(recorded: RecordedPosition, position: Position) -> list[Difference]:
    row_id, recorder_id = recorded.row["id"], recorded.row["recorder_id"]
    computed = trade_rows(position, recorder_id=recorder_id, position_id=row_id, stored_lots=()).inserts
    found: list[Difference] = []
    for stored, row in zip_longest(_ordered(recorded.trades), _ordered(computed)):
        name = f"trade {stored['id']}" if stored else f"trade of lot {row['lot']}"
        found += _row_differences(recorded, name, stored, row)
    return found


def _ordered(rows: Iterable[Row]) -> Sequence[Row]:
    """In the order of lots, and of a lot's parts in the order of their exits; two legs may exit at once."""
    return sorted(rows, key=_moment)


def _moment(row: Row) -> tuple[Any, ...]:
    exit_at = (str(row["exit_time"]), row["exit_price"] or 0, row["tp_price"] or 0, row["quantity"])
    return row["lot"], row["status"], *exit_at


def _row_differences(
    recorded: RecordedPosition, name: str, stored: Row | None, computed: Row | None
) -> Iterator[Difference]:
    if stored is None or computed is None:
        yield _of(recorded, name, THERE if stored else MISSING, THERE if computed else MISSING)
        return
    for field, value in computed.items():
        if stored[field] != value:
            yield _of(recorded, f"{name} {field}", stored[field], value)


def _of(recorded: RecordedPosition, field: str, stored: object, recomputed: object) -> Difference:
    row = recorded.row
    return Difference(symbol=row["ticker"], position_id=row["id"], field=field, stored=stored, recomputed=recomputed)


def _of_signal(signal: LoggedSignal, name: str, stored: object, recomputed: object) -> Difference:
    field = f"signal {signal.id} {name}"
    return Difference(symbol=signal.ticker, position_id=None, field=field, stored=stored, recomputed=recomputed)


def _normal(name: str, value: object) -> object:
    return _as_numbers(value) if name in _JSON else value


def _as_numbers(value: object) -> object:
    """Make JSON comparable by value: 100.0 and 100.00 are one number."""
    if isinstance(value, dict):
        return {name: _as_numbers(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_numbers(each) for each in value]
    if not isinstance(value, str):
        return value
    try:
        return Decimal(value)
    except InvalidOperation:
        return value
