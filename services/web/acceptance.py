"""From the body of an alert to the row that is stored of it; positions are none of its business."""

from dataclasses import replace
from datetime import datetime, timedelta

from services.web.backend import Backend
from shared.domain.acceptance import accept_signal
from shared.domain.duplicates import duplicate_window_seconds, fingerprint
from shared.domain.signals import Signal, SignalRefused, parse_signal
from shared.domain.timestamps import from_datetime, to_datetime
from shared.store.database import Connection
from shared.store.recorders import AlertTarget, find_target_by_name
from shared.store.signals import NewSignal
from shared.store.users import User

ACCEPTED = "accepted"
REJECTED = "rejected"


def accept_alert(
    connection: Connection, backend: Backend, addressee: AlertTarget | User, body: bytes, received_at: datetime
) -> NewSignal:
    """Return the row to store: accepted, at its place in the tick log, or rejected with the reason.

    A body sent to a user's own URL goes to the recorder that it names.
    """
    row = _unread_row(addressee, body, received_at)
    try:
        signal = parse_signal(body)
        row = _with_statements(row, signal)
        target = addressee if isinstance(addressee, AlertTarget) else _named_target(connection, addressee, signal)
        row = replace(row, recorder_id=target.recorder_id, settings_id=target.settings_id)
        row = _with_fingerprint(row, signal, target)
        row = _with_instrument(connection, backend, row, signal, target)
    except SignalRefused as refused:
        return replace(row, status=REJECTED, reason=_storable(refused.reason))
    acceptance = backend.intake_bus.read_acceptance(row.ticker)
    return replace(row, place=acceptance.place, market_price=acceptance.market_price)


def _unread_row(addressee: AlertTarget | User, body: bytes, received_at: datetime) -> NewSignal:
    if isinstance(addressee, User):
        return NewSignal(user_id=addressee.id, raw_data=body, received_at=received_at, status=ACCEPTED)
    return NewSignal(
        user_id=addressee.user_id,
        recorder_id=addressee.recorder_id,
        settings_id=addressee.settings_id,
        raw_data=body,
        received_at=received_at,
        status=ACCEPTED,
    )


def _with_statements(row: NewSignal, signal: Signal) -> NewSignal:
    return replace(
        row,
        action=None if signal.action is None else signal.action.value,
        price=signal.price,
        position_size=signal.position_size,
        market_position=signal.market_position,
        signal_type=signal.signal_type,
        occurred_at=None if signal.occurred_at is None else to_datetime(signal.occurred_at),
    )


def _with_fingerprint(row: NewSignal, signal: Signal, target: AlertTarget) -> NewSignal:
    seconds = duplicate_window_seconds(signal, target.settings)
    if seconds == 0:
        return row
    return replace(row, fingerprint=fingerprint(row.raw_data), duplicate_window=timedelta(seconds=seconds))


def _named_target(connection: Connection, user: User, signal: Signal) -> AlertTarget:
    name = signal.recorder_name
    if name is None:
        raise SignalRefused("recorder: this URL serves all of your recorders, so the alert has to name one")
    # Names are printable; others could not even be asked for, Postgres knows no NUL in a text.
    target = find_target_by_name(connection, user.id, name) if name.isprintable() else None
    if target is None:
        raise SignalRefused(f"recorder: you have none with the name {name!r}")
    return target


def _with_instrument(
    connection: Connection, backend: Backend, row: NewSignal, signal: Signal, target: AlertTarget
) -> NewSignal:
    """Add symbol and contract, where the signal is about one; raises SignalRefused where nothing could come of it."""
    contracts = backend.contracts.contracts(connection, target.user_id, target.contracts_version)
    received_at = from_datetime(row.received_at)
    instrument = accept_signal(signal, target.settings, received_at=received_at, contracts=contracts.by_root).instrument
    if instrument is None:
        return row
    return replace(row, ticker=instrument.symbol, contract_id=contracts.ids[instrument.contract.root])


def _storable(text: str) -> str:
    """Show what Postgres cannot hold in a text: NUL and lone surrogates."""
    return text.replace("\0", "\\0").encode(errors="backslashreplace").decode()
