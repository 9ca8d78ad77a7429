"""What came of folds, written within the transaction that locked the recorders; it decides nothing."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from shared.catching_up.pending_signals import PendingSignals
from shared.domain.fold import RecorderFold, Verdict
from shared.domain.position import Position, opening_signal_id
from shared.store.fold_results import FoldedPosition, WrittenPosition, write_positions
from shared.store.positions import StoredPosition
from shared.store.signals import SignalOutcome, count_signals, record_outcomes


def write_folds(
    connection: Connection,
    pending: PendingSignals,
    stored: Iterable[StoredPosition],
    folds: Mapping[int, RecorderFold],
) -> list[WrittenPosition]:
    """Write positions that moved, outcomes and counts of signals; returns what is written of positions."""
    loaded = {(each.recorder_id, each.position.symbol): each for each in stored}
    folded = [
        _folded(recorder_id, position, loaded.get((recorder_id, symbol)) if index == 0 else None, pending.numbers)
        for recorder_id, fold in folds.items()
        for symbol, moved in fold.positions.items()
        for index, position in enumerate(moved)
    ]
    moved = [each for each in folded if each.stored is None or each.stored.position is not each.position]
    written = write_positions(connection, moved, pending.contract_ids)
    outcomes = [_outcome(verdict, pending.numbers) for fold in folds.values() for verdict in fold.verdicts]
    record_outcomes(connection, [*outcomes, *pending.refused])
    count_signals(connection, pending.counts)
    return written


def _folded(
    recorder_id: int, position: Position, stored: StoredPosition | None, numbers: Mapping[int, int]
) -> FoldedPosition:
    opened_by = None if stored else numbers[opening_signal_id(position) or 0]
    return FoldedPosition(recorder_id=recorder_id, position=position, stored=stored, opened_by=opened_by)


def _outcome(verdict: Verdict, numbers: Mapping[int, int]) -> SignalOutcome:
    applied, signal_id = verdict.applied, verdict.accepted.id
    return SignalOutcome(
        id=signal_id,
        sequence=numbers[signal_id],
        status=applied.status,
        reason=applied.reason,
        note=applied.note,
        place=verdict.place,
        entry=applied.entry,
    )
