"""From the body of an alert to the row that is stored of it; positions are none of its business."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from shared.domain.acceptance import accept_signal
from shared.domain.duplicates import duplicate_window_seconds, fingerprint
from shared.domain.signals import Signal, SignalRefused, parse_signal
from shared.domain.timestamps import from_datetime, to_datetime
from shared.intake.addressees import Addressee
from shared.intake.contract_cache import ContractCache
from shared.store.alert_targets import AlertTarget, find_target_by_name
from shared.store.database import Connection
from shared.store.signal_intake import NewSignal
from shared.store.users import User

FindNamed = Callable[[int, str], AlertTarget | None]

ACCEPTED = "accepted"
REJECTED = "rejected"


def accept_alert(
    connection: Connection,
    known_contracts: ContractCache,
    addressee: Addressee,
    body: bytes,
    received_at: datetime,
    *,
    find_named: FindNamed | None = None,
) -> NewSignal:
    """Return the row to store: accepted, which leaves its place to be read, or rejected with the reason.

    A body sent to a user's own URL goes to the recorder that it names, as it is now unless `find_named` finds others.
    """
    row = unread_row(addressee, body, received_at)
    try:
        signal = parse_signal(body)
        row = _with_statements(row, signal)
        target = _target(addressee, signal, find_named or partial(find_target_by_name, connection))
        row = replace(row, recorder_id=target.recorder_id, settings_id=target.settings_id)
        row = _with_fingerprint(row, signal, target)
        return _with_instrument(connection, known_contracts, row, signal, target)
    except SignalRefused as refused:
        return replace(row, status=REJECTED, reason=storable(refused.reason))


def unread_row(addressee: Addressee, body: bytes, received_at: datetime) -> NewSignal:
    """Return the row of a body that nothing is known of but whom it was sent to."""
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


def _target(addressee: Addressee, signal: Signal, find_named: FindNamed) -> AlertTarget:
    if isinstance(addressee, AlertTarget):
        return addressee
    name = signal.recorder_name
    if name is None:
        raise SignalRefused("recorder: this URL serves all of your recorders, so the alert has to name one")
    # Names are printable; others could not even be asked for, Postgres knows no NUL in a text.
    target = find_named(addressee.id, name) if name.isprintable() else None
    if target is None:
        raise SignalRefused(f"recorder: you have none with the name {name!r}")
    return target


def _with_instrument(
    connection: Connection, known_contracts: ContractCache, row: NewSignal, signal: Signal, target: AlertTarget
) -> NewSignal:
    """Add symbol and contract, where the signal is about one; raises SignalRefused where nothing could come of it."""
    contracts = known_contracts.contracts(connection, target.user_id, target.contracts_version)
    received_at = from_datetime(row.received_at)
    instrument = accept_signal(signal, target.settings, received_at=received_at, contracts=contracts.by_root).instrument
    if instrument is None:
        return row
    return replace(row, ticker=instrument.symbol, contract_id=contracts.ids[instrument.contract.root])


def storable(text: str) -> str:
    """Show what Postgres cannot hold in a text: NUL and lone surrogates."""
    return text.replace("\0", "\\0").encode(errors="backslashreplace").decode()
