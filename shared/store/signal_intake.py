"""Signals stored as they come: each request once, each alert once, a recorder's in the order of acceptance."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import ARRAY, BigInteger, Connection, Row, Uuid, bindparam, cast, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from shared.store.tables import recorded_signals

INTAKE_LOCKS = 1  # the class of the advisory locks that keep a recorder's signals in the order of their commits
_MOVING_LOCK = (2, 0)  # of whoever moves waiting bodies into this table, for whom everybody waits
_MOVING_IDLE_MS = 3000


class NewSignal(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook body about to be stored; `status` is accepted or rejected, the latter with its reason.

    `intake_id` is that of the request, the same however often it is stored. `accepted_at` is for a body that another
    server took before. A body with a `fingerprint` is the same signal as an equal one in the `duplicate_window`.
    """

    user_id: int
    raw_data: bytes
    received_at: datetime
    status: str
    recorder_id: int | None = None
    settings_id: int | None = None
    contract_id: int | None = None
    action: str | None = None
    ticker: str | None = None
    price: Decimal | None = None
    position_size: int | None = None
    market_position: str | None = None
    signal_type: str | None = None
    reason: str | None = None
    place: int | None = None
    market_price: Decimal | None = None
    occurred_at: datetime | None = None
    intake_id: UUID = msgspec.field(default_factory=uuid4)
    accepted_at: datetime | None = None
    fingerprint: bytes | None = None
    duplicate_window: timedelta = timedelta(0)


# Built once: every webhook needs them.
INSERTED = tuple(name for name in NewSignal.__struct_fields__ if name not in {"accepted_at", "duplicate_window"})
_INSERT_ACCEPTED = insert(recorded_signals).on_conflict_do_nothing().returning(recorded_signals.c.id)
_INSERT_REFUSED = _INSERT_ACCEPTED.values(recorded_at=func.clock_timestamp())
_LOCK_INTAKE = select(
    func.pg_advisory_xact_lock(INTAKE_LOCKS, func.hashint8(bindparam("recorder_id", type_=BigInteger)))
)
_recorder_id = func.unnest(bindparam("recorder_ids", type_=ARRAY(BigInteger))).column_valued("recorder_id")
_LOCK_INTAKE_OF_MANY = select(func.pg_advisory_xact_lock(INTAKE_LOCKS, func.hashint8(_recorder_id)))
_FIRSTS = text(
    """
    SELECT id, recorder_id, fingerprint, intake_id, received_at, created_at FROM recorded_signals
    WHERE (recorder_id, fingerprint) IN (
        SELECT * FROM unnest(CAST(:recorders AS bigint[]), CAST(:fingerprints AS bytea[]))
    )
    """
)
_ADD_DUPLICATES = (
    update(recorded_signals)
    .where(recorded_signals.c.id == bindparam("first"))
    .values(duplicates=recorded_signals.c.duplicates + bindparam("count"))
)
_ACCEPTED_BEFORE = (
    update(recorded_signals)
    .where(recorded_signals.c.intake_id == bindparam("late"), recorded_signals.c.status == "accepted")
    .values(created_at=bindparam("accepted_at"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSignal:
    """The row that stands for a body, which is an earlier one's if the body is its duplicate; and what intake said."""

    id: int
    status: str
    reason: str | None


def insert_signal(connection: Connection, signal: NewSignal) -> StoredSignal:
    """Store a signal, once; of one recorder they become visible in the order of their `created_at`.

    A body that is stored already, or the duplicate of one, is not stored again: the first one's answer is returned.
    """
    if signal.recorder_id is not None:
        lock_intake(connection, signal.recorder_id)
    signal_id = _insert_unless_known(connection, signal)
    if signal_id is None:
        known = _find_known(connection, signal)
        if known is not None:
            return known
        signal_id = _insert_unless_known(connection, signal)
    if signal_id is None:
        raise AssertionError(signal.intake_id)
    return StoredSignal(id=signal_id, status=signal.status, reason=signal.reason)


def lock_intake(connection: Connection, recorder_id: int) -> None:
    """Be the only one who stores signals of a recorder, until the transaction ends."""
    connection.execute(_LOCK_INTAKE, {"recorder_id": recorder_id})


def insert_signals(connection: Connection, signals: Sequence[NewSignal]) -> None:
    """Store many signals in their order, each as `insert_signal` does."""
    recorder_ids = {each.recorder_id for each in signals if each.recorder_id is not None}
    connection.execute(_LOCK_INTAKE_OF_MANY, {"recorder_ids": sorted(recorder_ids)})
    stored: set[UUID] = set()
    for statement, status in ((_INSERT_ACCEPTED, "accepted"), (_INSERT_REFUSED, "rejected")):
        values = [_values(each) for each in signals if each.status == status]
        if values:
            returning = statement.returning(recorded_signals.c.intake_id)
            stored.update(row.intake_id for row in connection.execute(returning, values))
    left = [each for each in signals if each.intake_id not in stored]
    counted = _count_duplicates(connection, left) if left else set()
    for each in left:
        if each.intake_id not in counted:
            insert_signal(connection, each)


def _count_duplicates(connection: Connection, signals: Sequence[NewSignal]) -> set[UUID]:
    """Count those that are plain duplicates on their first ones' rows, and return their intake ids.

    Not plain is one that came before what is stored, or so long after it that it is no duplicate.
    """
    keyed = [each for each in signals if each.fingerprint is not None and each.recorder_id is not None]
    keys = {"recorders": [each.recorder_id for each in keyed], "fingerprints": [each.fingerprint for each in keyed]}
    rows = connection.execute(_FIRSTS, keys)
    firsts: dict[tuple[int | None, bytes | None], Row[Any]] = {
        (row.recorder_id, bytes(row.fingerprint)): row for row in rows
    }
    plain = [
        (first.id, each.intake_id)
        for each in keyed
        if (first := firsts.get((each.recorder_id, each.fingerprint)))
        and first.intake_id != each.intake_id
        and _is_in_window(each, first)
        and not _came_before(each, first)
    ]
    counts = Counter(first_id for first_id, _ in plain)
    if counts:
        connection.execute(_ADD_DUPLICATES, [{"first": first, "count": count} for first, count in counts.items()])
    return {intake_id for _, intake_id in plain}


def find_stored(connection: Connection, accepted_at: Mapping[UUID, datetime]) -> set[UUID]:
    """Return which of these requests are stored, and see to it that those that are pending apply as accepted then.

    A server that was given up may have stored one later than another server took it, and so behind its successors.
    """
    columns = recorded_signals.c
    wanted = columns.intake_id == func.any(cast(list(accepted_at), ARRAY(Uuid)))
    stored = connection.execute(select(columns.intake_id, columns.status, columns.created_at).where(wanted)).all()
    late = [
        {"late": row.intake_id, "accepted_at": accepted_at[row.intake_id]}
        for row in stored
        if row.status == "accepted" and row.created_at > accepted_at[row.intake_id]
    ]
    if late:
        connection.execute(_ACCEPTED_BEFORE, late)
    return {row.intake_id for row in stored}


def _insert_unless_known(connection: Connection, signal: NewSignal) -> int | None:
    statement = _INSERT_ACCEPTED if signal.status == "accepted" else _INSERT_REFUSED
    signal_id: int | None = connection.execute(statement, _values(signal)).scalar_one_or_none()
    return signal_id


def _values(signal: NewSignal) -> dict[str, Any]:
    values = {name: getattr(signal, name) for name in INSERTED}
    return values | {"created_at": signal.accepted_at} if signal.accepted_at else values


def _find_known(connection: Connection, signal: NewSignal) -> StoredSignal | None:
    """Find what kept a signal from being inserted; None if that is so old by now that it has made way for it."""
    columns = recorded_signals.c
    names = ("id", "status", "reason", "sequence", "received_at", "created_at")
    statement = select(*(columns[name] for name in names))
    same = connection.execute(statement.where(columns.intake_id == signal.intake_id)).one_or_none()
    if same:
        return _as_answered(same)
    first = connection.execute(
        statement.where(columns.recorder_id == signal.recorder_id, columns.fingerprint == signal.fingerprint)
    ).one()
    its_row = update(recorded_signals).where(columns.id == first.id)
    if not _is_in_window(signal, first):
        connection.execute(its_row.values(fingerprint=None))
        return None
    values: dict[str, Any] = {"duplicates": columns.duplicates + 1}
    if _came_before(signal, first) and first.status == "accepted":
        values |= _as_accepted_first(signal)
    connection.execute(its_row.values(values))
    return _as_answered(first)


def _is_in_window(signal: NewSignal, first: Row[Any]) -> bool:
    return bool(abs(signal.received_at - first.received_at) <= signal.duplicate_window)


def _came_before(signal: NewSignal, first: Row[Any]) -> bool:
    """Tell whether a body that waited was accepted before the row that has its fingerprint."""
    return signal.accepted_at is not None and bool(signal.accepted_at < first.created_at)


def _as_accepted_first(signal: NewSignal) -> dict[str, Any]:
    """Return what changes in a pending row whose body turns out to have come before, and to have waited."""
    names = ("settings_id", "contract_id", "place", "market_price", "received_at")
    return {name: getattr(signal, name) for name in names} | {"created_at": signal.accepted_at}


def _as_answered(row: Row[Any]) -> StoredSignal:
    """What intake said of a row: one that has a number, or gets one, was accepted, whatever became of it."""
    refused = row.status == "rejected" and row.sequence is None
    return StoredSignal(
        id=row.id,
        status="rejected" if refused else "accepted",
        reason=row.reason if refused else None,
    )


def lock_moving(connection: Connection) -> None:
    """Be the only one who stores waiting bodies, until the transaction ends, or this process is stopped for long."""
    connection.execute(select(func.set_config("idle_in_transaction_session_timeout", str(_MOVING_IDLE_MS), True)))
    connection.execute(select(func.pg_advisory_xact_lock(*_MOVING_LOCK)))
