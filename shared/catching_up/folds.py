"""Recorders' pending signals and ticks, folded; what the fold asks of the past is read here, nothing is written."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain

import redis
from sqlalchemy import Connection

from shared.bus.log_tape import LogTape
from shared.catching_up.pending_signals import PendingSignals, concerns_all
from shared.domain.entry_filters import asks_the_past
from shared.domain.entry_history import EntryHistory, day_of
from shared.domain.fold import RecorderFold
from shared.domain.position import Position
from shared.store.database import KeepAlive
from shared.store.entry_histories import load_entry_histories
from shared.store.positions import StoredPosition, load_places
from shared.store.recorder_locks import LockedRecorder


def fold_recorders(
    connection: Connection,
    log: redis.Redis,
    locked: Mapping[int, LockedRecorder],
    pending: PendingSignals,
    stored: Sequence[StoredPosition],
    through: Mapping[str, int],
) -> dict[int, RecorderFold]:
    """Apply what is pending to what is `stored` of recorders, and take it `through` these places by symbol."""
    places = _load_places(connection, pending, locked)
    held: dict[int, list[Position]] = defaultdict(list)
    for each in stored:
        held[each.recorder_id].append(each.position)
    histories = _load_histories(connection, pending)
    keep_alive = KeepAlive(connection)
    tape = LogTape(log, pending.prices, while_reading=keep_alive.renew_if_due)
    _load_ticks(tape, pending, held, through)
    folds = {}
    for recorder_id in {*pending.by_recorder, *held}:
        history, voided = histories.get(recorder_id), locked[recorder_id].voided_ticks
        own = LogTape(log, {}, while_reading=keep_alive.renew_if_due, without=voided) if voided else tape
        fold = folds[recorder_id] = RecorderFold(held[recorder_id], places[recorder_id], own, history)
        for accepted in pending.by_recorder.get(recorder_id, ()):
            fold.apply(accepted)
        if recorder_id not in pending.corrections:  # otherwise signals would be passed that come after it
            for symbol, place in through.items():
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
    for (recorder_id, symbol), place in load_places(connection, pending.by_recorder, whole=pending.whole).items():
        places[recorder_id][symbol] = max(place, locked[recorder_id].corrected_through)
    return places


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
            others = {each.symbol for each in held.get(recorder_id, ())} if concerns_all(accepted) else set()
            for symbol in own | others:
                first[symbol] = min(first.get(symbol, accepted.place), accepted.place)
                last[symbol] = max(last.get(symbol, 0), accepted.place)
    for symbol, after in first.items():
        if after < last.get(symbol, 0):
            tape.load(symbol, after=after, through=last[symbol])
