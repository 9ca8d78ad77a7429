"""What users void, stored as corrections for the workers; nothing is applied here."""

from dataclasses import dataclass
from datetime import UTC, datetime

from services.web.backend import Backend
from shared.bus.tick_log import read_page
from shared.correction import OUT_OF_REACH, STILL_OPEN
from shared.domain.corrections import Correction, CorrectionLog, correction_body
from shared.domain.ticks import PriceTick
from shared.intake.acceptance import ACCEPTED, placed
from shared.recompute.starts import is_whole
from shared.recompute.tape import LogExtent
from shared.store.audit_rows import Opening, load_openings
from shared.store.corrections import find_correction, load_corrections
from shared.store.database import Connection
from shared.store.recorders import Recorder, find_recorder
from shared.store.signal_intake import NewSignal, insert_signal, lock_intake
from shared.store.signal_list import load_signal
from shared.store.signals import CORRECTION
from shared.store.trade_list import TradeRow, load_trade


class CannotVoid(ValueError):
    """What was to be voided cannot be; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeToVoid:
    """A trade with the signal that made its entry, and whether the log reaches back to its position's opening."""

    trade: TradeRow
    signal_id: int
    opened_at_place: int
    in_reach: bool


def find_trade_to_void(backend: Backend, connection: Connection, user_id: int, trade_id: int) -> TradeToVoid | None:
    """Find one of the user's trades; what average down added belongs to the signal that opened its position."""
    trade = load_trade(connection, user_id, trade_id)
    if trade is None:
        return None
    opening = _opening(connection, trade)
    signal_id = trade.signal_id or (opening.signal_id if opening else None)
    if signal_id is None:
        raise CannotVoid("no signal is known that made it")
    in_reach = opening is not None and is_whole(opening, LogExtent(backend.redis))
    place = (opening.place or 0) if opening else 0
    return TradeToVoid(trade=trade, signal_id=signal_id, opened_at_place=place, in_reach=in_reach)


def void_trade(backend: Backend, user_id: int, trade_id: int) -> int | None:
    """Accept a correction that voids the signal of a trade; returns its id, or that of the one that voided it before.

    None if the user has no such trade. Raises CannotVoid.
    """
    with backend.engine.begin() as connection:
        found = find_trade_to_void(backend, connection, user_id, trade_id)
        if found is None:
            return None
        if found.trade.voided_by is not None:
            return found.trade.voided_by
        if found.trade.status == "open" and not found.in_reach:
            raise CannotVoid(STILL_OPEN)
        recorder = find_recorder(connection, user_id, found.trade.recorder_id)
        correction = _accept(backend, connection, recorder, Correction(id=0, signal_id=found.signal_id))
    backend.intake_bus.wake()
    return correction


def void_signal(backend: Backend, user_id: int, signal_id: int) -> int | None:
    """Accept a correction that voids a signal, which may be a correction: that one is then undone; returns its id.

    None if the user has no such signal. Raises CannotVoid.
    """
    with backend.engine.begin() as connection:
        signal = load_signal(connection, user_id, signal_id)
        if signal is None:
            return None
        recorder = None if signal.recorder_id is None else find_recorder(connection, user_id, signal.recorder_id)
        if signal.status != "recorded" and find_correction(connection, signal.recorder_id, _voiding(signal_id)) is None:
            raise CannotVoid(f"signal {signal_id} is {signal.status}, not recorded")
        correction = _accept(backend, connection, recorder, Correction(id=0, signal_id=signal_id))
    backend.intake_bus.wake()
    return correction


def void_tick(backend: Backend, user_id: int, recorder_id: int, symbol: str, place: int) -> int | None:
    """Accept a correction after which a tick has never been, for this recorder alone; returns its id.

    None if the user has no such recorder. Raises CannotVoid for a tick that is not in the log, or whose position began
    before the log does.
    """
    with backend.engine.begin() as connection:
        recorder = find_recorder(connection, user_id, recorder_id)
        if recorder is None:
            return None
        entries = read_page(backend.redis, symbol, after=place - 1, through=place, count=1)
        if not any(isinstance(entry, PriceTick) for entry in entries):
            raise CannotVoid(f"the log has no such tick of {symbol}, or no longer")
        extent = LogExtent(backend.redis)
        openings = load_openings(connection, [recorder_id]).get(recorder_id, [])
        held = [each for each in openings if each.ticker == symbol and each.through >= place]
        if not all(is_whole(each, extent) for each in held):
            raise CannotVoid(OUT_OF_REACH)
        correction = _accept(backend, connection, recorder, Correction(id=0, tick_place=place, symbol=symbol))
    backend.intake_bus.wake()
    return correction


def _voiding(signal_id: int) -> bytes:
    return correction_body(Correction(id=0, signal_id=signal_id))


def _accept(backend: Backend, connection: Connection, recorder: Recorder | None, correction: Correction) -> int:
    """Store a correction, unless it is pending or in force already."""
    if recorder is None:
        raise AssertionError(correction)
    lock_intake(connection, recorder.id)
    body = correction_body(correction)
    known = find_correction(connection, recorder.id, body)
    if known is not None and (known.status == ACCEPTED or _is_in_force(connection, recorder.id, known.id)):
        return int(known.id)
    row = NewSignal(
        user_id=recorder.user_id,
        recorder_id=recorder.id,
        settings_id=recorder.settings_id,
        action="void",
        signal_type=CORRECTION,
        raw_data=body,
        received_at=datetime.now(UTC),
        status=ACCEPTED,
    )
    return insert_signal(connection, placed(row, backend.intake_bus.read_standing())).id


def _is_in_force(connection: Connection, recorder_id: int, correction_id: int) -> bool:
    corrections = load_corrections(connection, [recorder_id])[recorder_id]
    return any(each.id == correction_id for each in CorrectionLog(corrections).in_force)


def _opening(connection: Connection, trade: TradeRow) -> Opening | None:
    openings = load_openings(connection, [trade.recorder_id]).get(trade.recorder_id, [])
    return next((each for each in openings if each.position_id == trade.position_id), None)
