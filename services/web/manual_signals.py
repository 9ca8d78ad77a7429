"""What users do to their positions by hand, stored as signals for the workers to apply; nothing is applied here."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from services.web.backend import Backend
from shared.domain.actions import Action
from shared.domain.symbols import normalize_symbol
from shared.domain.timestamps import from_datetime
from shared.store.contracts import contracts_in_force
from shared.store.database import Connection
from shared.store.recorders import Recorder, find_recorder
from shared.store.reports import open_tickers
from shared.store.signals import MANUAL, NewSignal, insert_signal


class NothingOpen(ValueError):
    """The recorder holds nothing of what was to be closed."""


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
        acceptance = backend.intake_bus.read_acceptance(row.ticker)
        placed = replace(row, place=acceptance.place, market_price=acceptance.market_price)
        signal_id = insert_signal(connection, placed).id
    backend.intake_bus.wake()
    return signal_id


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
        status="accepted",
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
