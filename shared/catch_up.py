"""The one function that moves positions: recorders' pending signals and ticks, folded in order, in one transaction.

recorder_worker calls it because signals are pending, tpsl_worker because a level was reached; whoever comes second
finds nothing left to do.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import redis
from sqlalchemy import Engine

from shared.bus.connection import BusError
from shared.catching_up.folds import fold_recorders
from shared.catching_up.pending_signals import AlertsWait, read_pending
from shared.catching_up.told import announce, change_of, log_results
from shared.catching_up.written_folds import write_folds
from shared.correction import correct_next
from shared.intake.acceptance import storable
from shared.intake.waiting import store_waiting
from shared.logs import log_event
from shared.store.database import DATABASE_LOST
from shared.store.positions import lock_positions_in
from shared.store.recorder_locks import end_rest, let_rest, lock_recorders

NOWHERE: Mapping[str, int] = {}
# A transaction holds its recorders until it ends. While Postgres works on one of them, the next one is folded.
RECORDERS_A_TRANSACTION = 200
TRANSACTIONS_AT_A_TIME = 2

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

    Many recorders take several transactions, of which two are under way at a time. Without `wait` recorders that
    somebody else is catching up are left out. Returns how many signals were applied. Bodies that wait in Redis are
    stored first, for nothing may pass them. A recorder on which it fails rests, longer each time, and the others are
    caught up without it. Raises where Postgres or Redis is away; nothing is half done then, and calling it again is
    always right.
    """
    task = _Task(engine=engine, log=log, through=through, wait=wait)
    in_order = sorted(recorder_ids)
    if len(in_order) <= RECORDERS_A_TRANSACTION:
        return _catch_up_once_stored(task, in_order)
    starts = range(0, len(in_order), RECORDERS_A_TRANSACTION)
    parts = (in_order[start : start + RECORDERS_A_TRANSACTION] for start in starts)
    with ThreadPoolExecutor(TRANSACTIONS_AT_A_TIME, thread_name_prefix="catch_up") as threads:
        return sum(threads.map(partial(_catch_up_once_stored, task), parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    engine: Engine
    log: redis.Redis
    through: Mapping[str, int]
    wait: bool
    settled_through: int = 0


def _catch_up_once_stored(task: _Task, recorder_ids: Sequence[int]) -> int:
    while True:
        store_waiting(task.engine, task.log)
        try:
            return _catch_up_or_halve(task, recorder_ids)
        except AlertsWait as waiting:
            task = replace(task, settled_through=waiting.through)


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
        concerned = pending.symbols.union(task.through)
        stored = lock_positions_in(connection, locked, concerned, whole=pending.whole)
        folds = fold_recorders(connection, task.log, locked, pending, stored, task.through)
        written = write_folds(connection, pending, stored, folds)
        end_rest(connection, [each for each, recorder in locked.items() if recorder.failures])
    announce(task.log, [change_of(each) for each in written])
    verdicts = [verdict for fold in folds.values() for verdict in fold.verdicts]
    log_results(verdicts, written, perf_counter() - started)
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
            announce(task.log, changes)
    return corrected + _catch_up_or_halve(task, recorder_ids)
