"""What a recomputed record changes in the one that is stored: rows that stay, that go, that come back and new ones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.domain.contracts import Contract
from shared.domain.position import Position
from shared.recompute.comparison import position_differences, trade_differences
from shared.store.audit_rows import RecordedPosition


@dataclass(slots=True, kw_only=True)
class Replacement:
    """Positions to void and to revive, by id, and those to insert, each with the number of its opening signal."""

    voided: list[int] = field(default_factory=list)
    revived: list[int] = field(default_factory=list)
    inserted: list[tuple[int, Position]] = field(default_factory=list)


def find_replacement(
    stored: Iterable[RecordedPosition],
    voided_before: Sequence[RecordedPosition],
    recomputed: Iterable[tuple[int, Position]],
    contracts: Mapping[int, Contract],
) -> Replacement:
    """Compare what is stored with what was recomputed, both by the opening signals' numbers."""
    rows = {(each.row["ticker"], each.row["opened_by"]): each for each in stored}
    found = Replacement()
    for opened_by, position in recomputed:
        row = rows.pop((position.symbol, opened_by), None)
        if row and _is_same(row, position, contracts):
            continue
        if row:
            found.voided.append(row.row["id"])
        before = next((each for each in voided_before if _is_same(_as_it_was(each), position, contracts)), None)
        if before:
            found.revived.append(before.row["id"])
        else:
            found.inserted.append((opened_by, position))
    found.voided += [each.row["id"] for each in rows.values()]
    return found


def _is_same(recorded: RecordedPosition, position: Position, contracts: Mapping[int, Contract]) -> bool:
    contract = contracts[recorded.row["contract_id"]]
    differs = any(True for _ in position_differences(recorded, position, contract))
    return not differs and not trade_differences(recorded, [position])


def _as_it_was(voided: RecordedPosition) -> RecordedPosition:
    """Return a voided position as it stood in the record before."""
    trades = [{**each, "status": "closed" if each["exit_time"] else "open"} for each in voided.trades]
    status = "closed" if voided.row["closed_at"] else "open"
    return replace(voided, row={**voided.row, "status": status}, trades=trades)
