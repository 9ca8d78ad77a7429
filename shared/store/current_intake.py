"""An alert stored in one statement, if the recorder that it was read for is still as it was then."""

from typing import Any

from sqlalchemy import BigInteger, Connection, LargeBinary, bindparam, func, select
from sqlalchemy.dialects.postgresql import Insert, insert

from shared.store.alert_targets import CONTRACTS_VERSION, AlertTarget
from shared.store.signal_intake import INSERTED, INTAKE_LOCKS, NewSignal, StoredSignal
from shared.store.tables import recorded_signals, recorders, users

_HASH = bindparam("hashed_token", type_=LargeBinary)
# Taking the recorder's lock is part of finding it, so that the row's created_at is read after that.
_CURRENT = (
    select(func.pg_advisory_xact_lock(INTAKE_LOCKS, func.hashint8(recorders.c.id)))
    .join_from(recorders, users, users.c.id == recorders.c.user_id)
    .where(
        recorders.c.id == bindparam("target_id", type_=BigInteger),
        recorders.c.settings_id == bindparam("target_settings_id", type_=BigInteger),
        (recorders.c.webhook_token_hash == _HASH) | (users.c.webhook_token_hash == _HASH),
        bindparam("contracts_version", type_=BigInteger) == CONTRACTS_VERSION,
    )
    .cte("current_target")
)


def _statement(**more: Any) -> Insert:
    columns = recorded_signals.c
    values = [bindparam(name, type_=columns[name].type) for name in INSERTED]
    row = select(*values, *more.values()).select_from(_CURRENT)
    return insert(recorded_signals).from_select([*INSERTED, *more], row, include_defaults=False)


# Built once: every webhook needs them.
_STORE_ACCEPTED = _statement().on_conflict_do_nothing().returning(recorded_signals.c.id)
_STORE_REFUSED = (
    _statement(recorded_at=func.clock_timestamp()).on_conflict_do_nothing().returning(recorded_signals.c.id)
)


def store_current(
    connection: Connection, signal: NewSignal, target: AlertTarget, hashed_token: bytes
) -> StoredSignal | None:
    """Store a signal that was sent with a token, as `insert_signal` does; call it without a transaction around it.

    None, and nothing stored, if the recorder, its settings, its contracts or the token are not those of `target` any
    more, or if the alert is stored already.
    """
    current = {
        "target_id": target.recorder_id,
        "target_settings_id": target.settings_id,
        "contracts_version": target.contracts_version,
        "hashed_token": hashed_token,
    }
    values = {name: getattr(signal, name) for name in INSERTED}
    statement = _STORE_ACCEPTED if signal.status == "accepted" else _STORE_REFUSED
    signal_id: int | None = connection.execute(statement, current | values).scalar_one_or_none()
    return None if signal_id is None else StoredSignal(id=signal_id, status=signal.status, reason=signal.reason)
