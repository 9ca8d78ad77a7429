"""What users do by hand, closing and sending again, stored as signals for the workers; nothing is applied here."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from msgspec.structs import replace

from services.web.backend import Backend
from shared.domain.actions import Action
from shared.domain.symbols import normalize_symbol
from shared.domain.timestamps import from_datetime
from shared.intake.acceptance import ACCEPTED, REJECTED, accept_alert, placed
from shared.store.alert_targets import AlertTarget, find_target_by_name
from shared.store.contracts import contracts_in_force
from shared.store.database import Connection
from shared.store.recorders import Recorder, find_recorder
from shared.store.reports import open_tickers
from shared.store.signal_intake import NewSignal, StoredSignal, insert_signal
from shared.store.signal_list import load_signal
from shared.store.signals import MANUAL
from shared.store.users import User, find_user


class NothingOpen(ValueError):
    """The recorder holds nothing of what was to be closed."""


class NotRejected(ValueError):
    """The signal was not refused, so that sending it again would do it twice."""


def close_by_hand(backend: Backend, user_id: int, recorder_id: int, symbol: str | None) -> int | None:
    """Accept a signal that closes what a recorder holds of a symbol, or with None all that it holds; returns its id.

    None if the user has no such recorder. Raises UnknownSymbol, and NothingOpen.
    """
    with backend.engine.begin() as connection:
        recorder = find_recorder(connection, user_id, recorder_id)
        if recorder is None:
            return None
        row = _row(connection, recorder, symbol)
        held = open_tickers(connection, recorder_id)
        if not held or (row.ticker is not None and row.ticker not in held):
            message = f"{recorder.name} holds nothing{f' of {row.ticker}' if row.ticker else ''}"
            raise NothingOpen(message)
        signal_id = insert_signal(connection, placed(row, backend.intake_bus.read_standing(row.ticker))).id
    backend.intake_bus.wake()
    return signal_id


def send_again(backend: Backend, user_id: int, signal_id: int) -> StoredSignal | None:
    """Take the body of a rejected signal as a new alert to its recorder, under the settings in force now.

    It is never a duplicate. None if the user has no such signal. Raises NotRejected.
    """
    with backend.engine.begin() as connection:
        signal = load_signal(connection, user_id, signal_id)
        if signal is None:
            return None
        if signal.status != REJECTED:
            message = f"signal {signal_id} is {signal.status}, not rejected"
            raise NotRejected(message)
        acceptance = accept_alert(
            _addressee(connection, signal),
            bytes(signal.raw_data),
            backend.alert_store.directory(connection),
            received_at=datetime.now(UTC),
            intake_id=uuid4(),
        )
        row = replace(acceptance.row, fingerprint=None)
        if signal.signal_type == MANUAL:
            row = replace(row, signal_type=MANUAL)
        stored = insert_signal(connection, placed(row, backend.intake_bus.read_standing(row.ticker)))
    if stored.status == ACCEPTED:
        backend.intake_bus.wake()
    return stored


def _addressee(connection: Connection, signal: Any) -> AlertTarget | User:
    """The recorder that a signal was sent to, or its user, if the body names no recorder of theirs."""
    addressee: AlertTarget | User | None
    if signal.recorder_id is None:
        addressee = find_user(connection, signal.user_id)
    else:
        addressee = find_target_by_name(connection, signal.user_id, signal.recorder)
    if addressee is None:
        raise AssertionError(signal.id)
    return addressee


def _row(connection: Connection, recorder: Recorder, symbol: str | None) -> NewSignal:
    """The signal as its body will be read again, with the settings and the contract in force."""
    received_at = datetime.now(UTC)
    row = NewSignal(
        user_id=recorder.user_id,
        recorder_id=recorder.id,
        settings_id=recorder.settings_id,
        action=Action.CLOSE_ALL.value,
        signal_type=MANUAL,
        raw_data=_body(action="closeall"),
        received_at=received_at,
        status=ACCEPTED,
    )
    if symbol is None:
        return row
    contracts = contracts_in_force(connection, recorder.user_id)
    instrument = normalize_symbol(symbol, occurred_at=from_datetime(received_at), contracts=contracts.by_root)
    return replace(
        row,
        action=Action.EXIT.value,
        ticker=instrument.symbol,
        contract_id=contracts.ids[instrument.contract.root],
        raw_data=_body(action="close", ticker=instrument.symbol),
    )


def _body(**said: str) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode()
