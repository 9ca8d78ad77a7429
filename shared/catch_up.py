"""The one function that moves positions: recorders' pending signals and ticks, folded in order, in one transaction.

recorder_worker calls it because signals are pending, tpsl_worker because a level was reached; whoever comes second
finds nothing left to do.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from time import perf_counter

import redis
from sqlalchemy import Connection, Engine

from shared.bus.announcements import PositionChange, announce_positions
from shared.bus.connection import BusError
from shared.bus.log_tape import LogTape
from shared.correction import correct_next
from shared.domain.application import INTERNAL_ERROR, AcceptedSignal
from shared.domain.entry_filters import asks_the_past
from shared.domain.entry_history import EntryHistory, day_of
from shared.domain.fold import RecorderFold, Verdict
from shared.domain.position import Position, opening_signal_id
from shared.intake.acceptance import storable
from shared.intake.waiting import store_waiting
from shared.logs import log_event
from shared.pending_signals import AlertsWait, PendingSignals, read_pending
from shared.store.database import DATABASE_LOST, KeepAlive
from shared.store.entry_histories import load_entry_histories
from shared.store.fold_results import FoldedPosition, WrittenPosition, write_positions
from shared.store.positions import StoredPosition, load_places, lock_open_positions
from shared.store.recorder_locks import LockedRecorder, end_rest, let_rest, lock_recorders
from shared.store.signals import SignalOutcome, count_signals, record_outcomes

NOWHERE: Mapping[str, int] = {}

logger = logging.getLogger(__name__)


def catch_up(
    engine: Engine,
    log: redis.Redis,
    recorder_ids: Collection[int],
    *,
    through: Mapping[str, int] = NOWHERE,
    wait: bool = True,
) -> int:
    """Apply every pending signal of these recorders, and take their open positions `through` these places by symbol.

    Without `wait` recorders that somebody else is catching up are left out. Returns how many signals were applied.
    Bodies that wait in Redis are stored first, for nothing may pass them. A recorder on which it fails rests, longer
    each time, and the others are caught up without it. Raises where Postgres or Redis is away; nothing is half done
    then, and calling it again is always right.
    """
    task = _Task(engine=engine, log=log, through=through, wait=wait)
    while True:
        store_waiting(engine, log)
        try:
            return _catch_up_or_halve(task, sorted(recorder_ids))
        except AlertsWait as waiting:
            task = replace(task, settled_through=waiting.through)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    engine: Engine
    log: redis.Redis
    through: Mapping[str, int]
    wait: bool
    settled_through: int = 0


def _catch_up_or_halve(task: _Task, recorder_ids: Sequence[int]) -> int:
    try:
        return _catch_up_together(task, recorder_ids)
    except (*DATABASE_LOST, BusError, AlertsWait):
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one recorder must stop no other
        if len(recorder_ids) == 1:
            _let_rest(task.engine, recorder_ids[0], error)
            return 0
    middle = len(recorder_ids) // 2
    return sum(_catch_up_or_halve(task, half) for half in (recorder_ids[:middle], recorder_ids[middle:]))


def _let_rest(engine: Engine, recorder_id: int, error: Exception) -> None:
    log_event(logger, "catch_up_failed", level=logging.ERROR, recorder_id=recorder_id, reason=repr(error))
    with engine.begin() as connection:
        let_rest(connection, recorder_id, storable(repr(error)))


def _catch_up_together(task: _Task, recorder_ids: Collection[int]) -> int:
    started = perf_counter()
    with task.engine.begin() as connection:
        locked = lock_recorders(connection, recorder_ids, wait=task.wait)
        taken = {each: recorder.signal_count for each, recorder in locked.items()}
        pending = read_pending(connection, task.log, taken, settled_through=task.settled_through)
        stored = lock_open_positions(connection, locked)
        folds = _fold(connection, task, pending, stored, locked)
        written = _write(connection, pending, stored, folds)
        end_rest(connection, [each for each, recorder in locked.items() if recorder.failures])
    _announce(task.log, [_change(each) for each in written])
    verdicts = [verdict for fold in folds.values() for verdict in fold.verdicts]
    _log(verdicts, written, perf_counter() - started)
    return len(verdicts) + _correct_and_go_on(task, sorted(pending.corrections))


def _correct_and_go_on(task: _Task, recorder_ids: Sequence[int]) -> int:
    """Carry out the corrections that come next, each in a transaction of its own, and apply what follows them."""
    if not recorder_ids:
        return 0
    corrected = 0
    for recorder_id in recorder_ids:
        with task.engine.begin() as connection:
            changes = correct_next(connection, task.log, recorder_id, wait=task.wait)
        if changes is not None:
            corrected += 1
            _announce(task.log, changes)
    return corrected + _catch_up_or_halve(task, recorder_ids)


def _fold(
    connection: Connection,
    task: _Task,
    pending: PendingSignals,
    stored: Sequence[StoredPosition],
    locked: Mapping[int, LockedRecorder],
) -> dict[int, RecorderFold]:
    places = _load_places(connection, pending, locked)
    held: dict[int, list[Position]] = defaultdict(list)
    for each in stored:
        held[each.recorder_id].append(each.position)
    histories = _load_histories(connection, pending)
    keep_alive = KeepAlive(connection)
    tape = LogTape(task.log, pending.prices, while_reading=keep_alive.renew_if_due)
    _load_ticks(tape, pending, held, task.through)
    folds = {}
    for recorder_id in {*pending.by_recorder, *held}:
        history, voided = histories.get(recorder_id), locked[recorder_id].voided_ticks
        own = LogTape(task.log, {}, while_reading=keep_alive.renew_if_due, without=voided) if voided else tape
        fold = folds[recorder_id] = RecorderFold(held[recorder_id], places[recorder_id], own, history)
        for accepted in pending.by_recorder.get(recorder_id, ()):
            fold.apply(accepted)
        if recorder_id not in pending.corrections:  # otherwise signals would be passed that come after it
            for symbol, place in task.through.items():
                fold.advance(symbol, place)
        keep_alive.renew_if_due()
    return folds


def _load_places(
    connection: Connection, pending: PendingSignals, locked: Mapping[int, LockedRecorder]
) -> dict[int, dict[str, int]]:
    """Return how far symbols are decided, by recorder: nothing comes before a correction that was carried out."""
    places: dict[int, dict[str, int]] = defaultdict(dict)
    for recorder_id, signals in pending.by_recorder.items():
        floor = locked[recorder_id].corrected_through
        places[recorder_id] = {each.symbol: floor for each in signals if each.symbol and floor}
    whole = [recorder_id for recorder_id, signals in pending.by_recorder.items() if any(map(_concerns_all, signals))]
    for (recorder_id, symbol), place in load_places(connection, pending.by_recorder, whole=whole).items():
        places[recorder_id][symbol] = max(place, locked[recorder_id].corrected_through)
    return places


def _concerns_all(accepted: AcceptedSignal) -> bool:
    """Tell whether what becomes of a signal depends on all that its recorder holds."""
    return accepted.symbol is None or accepted.settings.max_daily_loss > 0


def _load_histories(connection: Connection, pending: PendingSignals) -> dict[int, EntryHistory]:
    """Read what filters ask of the past, of those recorders alone that have such filters."""
    days = {
        recorder_id: {day_of(accepted.occurred_at) for accepted in signals}
        for recorder_id, signals in pending.by_recorder.items()
        if any(asks_the_past(accepted.settings) for accepted in signals)
    }
    return load_entry_histories(connection, days)


def _load_ticks(
    tape: LogTape, pending: PendingSignals, held: Mapping[int, Sequence[Position]], through: Mapping[str, int]
) -> None:
    """Fetch each symbol's ticks once: from the first place that a position is at or opens at to the last one needed."""
    first: dict[str, int] = {}
    last = dict(through)
    for position in chain.from_iterable(held.values()):
        first[position.symbol] = min(first.get(position.symbol, position.place), position.place)
    for recorder_id, signals in pending.by_recorder.items():
        for accepted in signals:
            own = {accepted.symbol} if accepted.symbol else set()
            others = {each.symbol for each in held.get(recorder_id, ())} if _concerns_all(accepted) else set()
            for symbol in own | others:
                first[symbol] = min(first.get(symbol, accepted.place), accepted.place)
                last[symbol] = max(last.get(symbol, 0), accepted.place)
    for symbol, after in first.items():
        if after < last.get(symbol, 0):
            tape.load(symbol, after=after, through=last[symbol])


def _write(
    connection: Connection,
    pending: PendingSignals,
    stored: Iterable[StoredPosition],
    folds: Mapping[int, RecorderFold],
) -> list[WrittenPosition]:
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


def _change(written: WrittenPosition) -> PositionChange:
    recorder_id, symbol = written.folded.recorder_id, written.folded.position.symbol
    return PositionChange(recorder_id=recorder_id, position_id=written.id, symbol=symbol)


def _announce(log: redis.Redis, changes: Sequence[PositionChange]) -> None:
    if not changes:
        return
    try:
        announce_positions(log, changes)
    except BusError as error:  # all is committed, and who listens also looks for itself
        log_event(logger, "announcement_lost", level=logging.WARNING, reason=str(error))


def _log(verdicts: Iterable[Verdict], written: Iterable[WrittenPosition], seconds: float) -> None:
    milliseconds = round(seconds * 1000, 1)
    for verdict in verdicts:
        applied = verdict.applied
        failed = applied.reason is not None and applied.reason.startswith(INTERNAL_ERROR)
        log_event(
            logger,
            f"signal_{applied.status}",
            level=logging.ERROR if failed else logging.INFO,
            signal_id=verdict.accepted.id,
            reason=applied.reason,
            milliseconds=milliseconds,
        )
    for each in written:
        for trade in each.folded.position.trades:
            log_event(
                logger,
                "trade_closed",
                position_id=each.id,
                lot=trade.lot,
                reason=trade.exit_reason,
                milliseconds=milliseconds,
            )
