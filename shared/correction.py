"""Carries out corrections: a recorder's record made again from its logs, without what its user voids."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import redis
from sqlalchemy import Connection

from shared.bus.announcements import PositionChange
from shared.bus.connection import BusError
from shared.bus.log_tape import LogTape
from shared.bus.tick_log import last_place
from shared.domain.application import INTERNAL_ERROR, Applied
from shared.domain.corrections import Correction, CorrectionLog, Voids, parse_correction
from shared.domain.fold import RecorderFold
from shared.domain.position import opening_signal_id
from shared.recompute.reach import Change, find_starts_at, is_in_reach
from shared.recompute.record import StoredRecord, load_records
from shared.recompute.refold import Refold
from shared.recompute.replacement import Replacement, find_replacement
from shared.recompute.starts import Start
from shared.recompute.tape import WholeTape
from shared.store.audit_rows import load_openings, load_recorded
from shared.store.corrections import load_corrections
from shared.store.database import DATABASE_LOST, KeepAlive
from shared.store.fold_results import FoldedPosition, write_positions
from shared.store.positions import load_places, lock_open_positions
from shared.store.recorder_locks import LockedRecorder, lock_recorders
from shared.store.signals import CORRECTION, PendingSignal, SignalOutcome, count_signals, load_pending, record_outcomes
from shared.store.voiding import (
    find_moment,
    load_signals,
    mark_positions,
    note_correction,
    positions_entered_by,
    positions_marked_by,
    revise_outcomes,
    revive_positions,
    void_positions,
    voided_positions,
)

NOT_THERE = "there is nothing of it in this recorder's logs before this correction"
OUT_OF_REACH = "the prices since then are no longer kept, so that nothing can be recomputed"
STILL_OPEN = "it is still open, and the prices since its entry are no longer kept: close it by hand, then void it"


class CannotCorrect(ValueError):
    """A correction cannot be carried out; the message says why."""


def correct_next(
    connection: Connection, log: redis.Redis, recorder_id: int, *, wait: bool = True
) -> list[PositionChange] | None:
    """Carry out a recorder's correction, if that is what is pending next; the caller commits.

    Returns which positions changed; None where there was nothing to do, or without `wait` somebody else is at it.
    """
    locked = lock_recorders(connection, [recorder_id], wait=wait)
    pending = load_pending(connection, locked)[:1]
    if not pending or pending[0].signal_type != CORRECTION:
        return None
    return _Correcting(connection, log, pending[0], locked[recorder_id]).carry_out()


@dataclass(frozen=True, slots=True)
class _Correcting:
    """One correction of one recorder, whose row is locked."""

    connection: Connection
    log: redis.Redis
    row: PendingSignal
    recorder: LockedRecorder

    def carry_out(self) -> list[PositionChange]:
        place, changes = self._bring_up_to_date()
        before = load_corrections(self.connection, [self.row.recorder_id])[self.row.recorder_id]
        correction = parse_correction(self.row.raw_data, id=self.row.id)
        try:
            with self.connection.begin_nested():
                correction, more = self._correct(before, correction, place)
        except (*DATABASE_LOST, BusError):
            raise
        except CannotCorrect as refusal:
            correction, more = replace(correction, refused=str(refusal)), []
        except Exception as error:  # noqa: BLE001 - a correction on which the fold fails must block no alert
            correction, more = replace(correction, refused=f"{INTERNAL_ERROR}: {error!r}"), []
        self._conclude(CorrectionLog(before), correction, place)
        return [*changes, *more]

    def _bring_up_to_date(self) -> tuple[int, list[PositionChange]]:
        """Take all that is held to one place that nothing of the recorder has passed: there the correction stands."""
        recorder_id = self.row.recorder_id
        stored = lock_open_positions(self.connection, [recorder_id])
        places = load_places(self.connection, [recorder_id], whole=[recorder_id])
        by_symbol = {symbol: place for (_, symbol), place in places.items()}
        tape = LogTape(self.log, {}, without=self.recorder.voided_ticks, while_reading=self._keep_alive())
        fold = RecorderFold([each.position for each in stored], by_symbol, tape)
        accepted_at = self.row.place if self.row.place is not None else last_place(self.log)
        place = fold.advance_all(max(accepted_at, self.recorder.corrected_through))
        folded = [
            FoldedPosition(recorder_id=recorder_id, position=fold.positions[each.position.symbol][0], stored=each)
            for each in stored
        ]
        write_positions(self.connection, folded, {})
        return place, [self._change(each.id, each.position.symbol) for each in stored]

    def _correct(
        self, before: Sequence[Correction], correction: Correction, place: int
    ) -> tuple[Correction, list[PositionChange]]:
        log = CorrectionLog(before)
        then = log.voids
        if log.add(correction).status != "recorded":
            return correction, []
        undone = [each for each in before if each.marked and each.signal_id in then.marked - log.voids.marked]
        mark_positions(self.connection, positions_marked_by(self.connection, [each.id for each in undone]), None)
        change = self._change_of(then, log.voids, [*before, correction])
        if not change.signals and not change.ticks:
            return correction, []
        tape = WholeTape(self.log, while_reading=self._keep_alive())
        sequences = [signal.sequence for signal in change.signals if signal.sequence is not None]
        moment = find_moment(self.connection, self.row.recorder_id, sequences, change.ticks)
        openings = load_openings(self.connection, [self.row.recorder_id])
        own = openings.get(self.row.recorder_id, [])
        if not is_in_reach(change, moment, own, tape):
            return self._mark(correction, change), []
        starts = find_starts_at(moment, own, tape)
        record = load_records(self.connection, openings, {self.row.recorder_id: starts}, at_latest=moment.sequence)[
            self.row.recorder_id
        ]
        refold = Refold(record, starts, tape, [*before, correction], Start(sequence=moment.sequence))
        self._revise(record, refold)
        return correction, self._replace(record, starts, refold, place)

    def _change_of(self, then: Voids, now: Voids, corrections: Sequence[Correction]) -> Change:
        """Find what differs between two states of the logs; raises CannotCorrect where it is not in them."""
        wanted = then.signals ^ now.signals
        signals = load_signals(self.connection, self.row.recorder_id, wanted)
        if len(signals) < len(wanted):
            raise CannotCorrect(NOT_THERE)
        symbols = {each.tick_place: each.symbol for each in corrections if each.tick_place and each.symbol}
        alerts = [signal for signal in signals if signal.signal_type != CORRECTION]
        return Change(signals=alerts, ticks={place: symbols[place] for place in then.ticks ^ now.ticks})

    def _mark(self, correction: Correction, change: Change) -> Correction:
        """Take what a signal entered out of all totals, since nothing can be recomputed."""
        target = next((each for each in change.signals if each.id == correction.signal_id), None)
        entered = positions_entered_by(self.connection, target.id) if target else {}
        if not entered:
            raise CannotCorrect(OUT_OF_REACH)
        if "open" in entered.values():
            raise CannotCorrect(STILL_OPEN)
        mark_positions(self.connection, entered, self.row.id)
        return replace(correction, marked=True)

    def _revise(self, record: StoredRecord, refold: Refold) -> None:
        keep_alive = self._keep_alive()
        revised = []
        for signal in record.signals:
            stored = {name: getattr(signal, name) for name in ("status", "reason", "note", "entry", "place")}
            said = {**stored, **refold.apply(signal)}
            if said != stored:
                revised.append((signal.id, said))
            keep_alive()
        revise_outcomes(self.connection, revised)

    def _replace(
        self, record: StoredRecord, starts: dict[str, Start], refold: Refold, place: int
    ) -> list[PositionChange]:
        numbers = {signal.id: signal.sequence or 0 for signal in record.signals}
        for ticker in list(refold.tickers):
            refold.advance(ticker, place)
        recomputed = [
            (numbers[opening_signal_id(position) or 0], position)
            for ticker in refold.tickers
            for position in refold.positions(ticker)
        ]
        stored = [record.recorded[each.position_id] for start in starts.values() for each in start.checked]
        opened_by = [number for number, _ in recomputed]
        voided = load_recorded(self.connection, voided_positions(self.connection, self.row.recorder_id, opened_by))
        symbols = {row.row["id"]: row.row["ticker"] for row in (*stored, *voided.values())}
        found = find_replacement(stored, list(voided.values()), recomputed, record.contracts)
        inserted = self._write(record, found)
        changed = {position_id: symbols[position_id] for position_id in (*found.voided, *found.revived)} | inserted
        return [self._change(position_id, symbol) for position_id, symbol in changed.items()]

    def _write(self, record: StoredRecord, found: Replacement) -> dict[int, str]:
        void_positions(self.connection, found.voided, self.row.id)
        revive_positions(self.connection, found.revived)
        new = [
            FoldedPosition(recorder_id=self.row.recorder_id, position=position, opened_by=opened_by)
            for opened_by, position in found.inserted
        ]
        written = write_positions(self.connection, new, record.contract_ids)
        return {each.id: each.folded.position.symbol for each in written}

    def _conclude(self, log: CorrectionLog, correction: Correction, place: int) -> None:
        applied: Applied = log.add(correction)
        number = self.recorder.signal_count + 1
        outcome = SignalOutcome(
            id=self.row.id,
            sequence=number,
            status=applied.status,
            reason=applied.reason,
            note=applied.note,
            place=place,
        )
        record_outcomes(self.connection, [outcome])
        count_signals(self.connection, {self.row.recorder_id: number})
        note_correction(
            self.connection,
            self.row.recorder_id,
            signal_id=self.row.id,
            marked=correction.marked,
            ticks=log.voids.ticks,
            place=place,
        )

    def _keep_alive(self) -> Callable[[], None]:
        return KeepAlive(self.connection).renew_if_due

    def _change(self, position_id: int, symbol: str) -> PositionChange:
        return PositionChange(recorder_id=self.row.recorder_id, position_id=position_id, symbol=symbol)
