"""From the body of an alert to the row that is stored of it; positions are none of its business."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from msgspec.structs import replace

from shared.bus.intake import Standing
from shared.domain.acceptance import accept_signal
from shared.domain.duplicates import duplicate_window_seconds, fingerprint
from shared.domain.signals import Signal, SignalRefused, parse_signal
from shared.domain.timestamps import from_datetime, to_datetime
from shared.intake.addressees import Addressee
from shared.store.alert_targets import AlertTarget
from shared.store.contracts import ContractsInForce
from shared.store.signal_intake import NewSignal
from shared.store.users import User

ACCEPTED = "accepted"
REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Where acceptance looks up a user's recorder by name, and the contracts of a recorder's user."""

    find_named: Callable[[int, str], AlertTarget | None]
    contracts_of: Callable[[AlertTarget], ContractsInForce]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """The row to store: accepted, or rejected with the reason; and the recorder as it was taken, if it is for one."""

    row: NewSignal
    target: AlertTarget | None


def accept_alert(
    addressee: Addressee, body: bytes, directory: Directory, *, received_at: datetime, intake_id: UUID
) -> Acceptance:
    """Read a body for whom it was sent to; one sent to a user's own URL is for the recorder that it names."""
    row = unread_row(addressee, body, received_at=received_at, intake_id=intake_id)
    target = addressee if isinstance(addressee, AlertTarget) else None
    try:
        signal = parse_signal(body)
        row = _with_statements(row, signal)
        target = target or _named(row.user_id, signal, directory)
        row = replace(row, recorder_id=target.recorder_id, settings_id=target.settings_id)
        row = _with_fingerprint(row, signal, target)
        row = _with_instrument(row, signal, target, directory)
    except SignalRefused as refused:
        row = replace(row, status=REJECTED, reason=storable(refused.reason))
    return Acceptance(row=row, target=target)


def placed(row: NewSignal, standing: Standing | None) -> NewSignal:
    """Add where in the tick log a signal was accepted; left open where nobody knows, or others wait."""
    if row.status != ACCEPTED or standing is None or standing.others_wait:
        return row
    price = standing.market_prices.get(row.ticker) if row.ticker else None
    return replace(row, place=standing.place, market_price=price)


def unread_row(addressee: Addressee, body: bytes, *, received_at: datetime, intake_id: UUID) -> NewSignal:
    """Return the row of a body that nothing is known of but whom it was sent to."""
    row = NewSignal(
        user_id=addressee.id if isinstance(addressee, User) else addressee.user_id,
        raw_data=body,
        received_at=received_at,
        status=ACCEPTED,
        intake_id=intake_id,
    )
    if isinstance(addressee, User):
        return row
    return replace(row, recorder_id=addressee.recorder_id, settings_id=addressee.settings_id)


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


def _named(user_id: int, signal: Signal, directory: Directory) -> AlertTarget:
    name = signal.recorder_name
    if name is None:
        raise SignalRefused("recorder: this URL serves all of your recorders, so the alert has to name one")
    # Names are printable; others could not even be asked for, Postgres knows no NUL in a text.
    target = directory.find_named(user_id, name) if name.isprintable() else None
    if target is None:
        raise SignalRefused(f"recorder: you have none with the name {name!r}")
    return target


def _with_instrument(row: NewSignal, signal: Signal, target: AlertTarget, directory: Directory) -> NewSignal:
    """Add symbol and contract, where the signal is about one; raises SignalRefused where nothing could come of it."""
    contracts = directory.contracts_of(target)
    received_at = from_datetime(row.received_at)
    instrument = accept_signal(signal, target.settings, received_at=received_at, contracts=contracts.by_root).instrument
    if instrument is None:
        return row
    return replace(row, ticker=instrument.symbol, contract_id=contracts.ids[instrument.contract.root])


def storable(text: str) -> str:
    """Show what Postgres cannot hold in a text: NUL and lone surrogates."""
    return text.replace("\0", "\\0").encode(errors="backslashreplace").decode()
