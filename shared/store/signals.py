"""Signals as rows: listed while pending, given their outcome once; never interpreted here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, func, select

from shared.store.many_rows import rows_given, update_many
from shared.store.recorder_locks import does_not_rest
from shared.store.tables import recorded_signals, recorders

MANUAL = "manual"  # the type of a signal that its user gave by hand, not by an alert
CORRECTION = "correction"  # the type of one by which its user voids another, or a tick


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingSignal:
    """An accepted signal that waits to be applied; `place` is None if the tick log was away when it was accepted."""

    id: int
    recorder_id: int
    settings_id: int
    contract_id: int | None
    ticker: str | None
    signal_type: str | None
    raw_data: bytes
    place: int | None
    market_price: Decimal | None
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedSignal:
    """A signal that has its outcome, as the recorder's log has it; intake refused it if it has no `sequence`."""

    id: int
    sequence: int | None
    settings_id: int
    contract_id: int | None
    ticker: str | None
    signal_type: str | None
    raw_data: bytes
    place: int | None
    market_price: Decimal | None
    received_at: datetime
    status: str
    reason: str | None
    note: str | None
    entry: str | None
    marked: bool


class SignalOutcome(Struct, frozen=True, kw_only=True, gc=False):
    """The final state of a signal and its entry, its final place in the tick log, its number in its recorder's log."""

    id: int
    sequence: int
    status: str
    reason: str | None
    note: str | None
    place: int
    entry: str | None = None


def load_pending(connection: Connection, recorder_ids: Collection[int]) -> list[PendingSignal]:
    """Return the accepted signals of some recorders, each recorder's in the order of acceptance."""
    columns = [recorded_signals.c[name] for name in PendingSignal.__slots__]
    statement = (
        select(*columns)
        .where(recorded_signals.c.recorder_id == func.any(_ids(recorder_ids)), recorded_signals.c.status == "accepted")
        .order_by(recorded_signals.c.recorder_id, recorded_signals.c.created_at, recorded_signals.c.id)
    )
    return [PendingSignal(**row) for row in connection.execute(statement).mappings()]


def load_log(connection: Connection, recorder_id: int) -> list[LoggedSignal]:
    """Return a recorder's signals that are no longer pending: as they applied, then those that intake refused."""
    columns = recorded_signals.c
    statement = (
        select(*[columns[name] for name in LoggedSignal.__slots__])
        .where(columns.recorder_id == recorder_id, columns.status != "accepted")
        .order_by(columns.sequence.nulls_last(), columns.id)
    )
    return [LoggedSignal(**row) for row in connection.execute(statement).mappings()]


def count_pending(connection: Connection, *, after: int, limit: int) -> list[tuple[int, int]]:
    """Count the accepted signals that wait, by recorder: those beyond id `after` that do not rest, in id order."""
    pending = recorded_signals.c
    statement = (
        select(pending.recorder_id, func.count())
        .join(recorders, recorders.c.id == pending.recorder_id)
        .where(pending.status == "accepted", pending.recorder_id > after, does_not_rest())
        .group_by(pending.recorder_id)
        .order_by(pending.recorder_id)
        .limit(limit)
    )
    return [(recorder_id, count) for recorder_id, count in connection.execute(statement)]


def record_outcomes(connection: Connection, outcomes: Sequence[SignalOutcome]) -> None:
    """Give pending signals their final state."""
    if outcomes:
        connection.execute(_GIVE_OUTCOMES, rows_given(outcomes))


def count_signals(connection: Connection, counts: dict[int, int]) -> None:
    """Set the number of signals that each recorder has taken."""
    if counts:
        rows = [{"id": recorder_id, "signal_count": taken} for recorder_id, taken in counts.items()]
        connection.execute(_COUNT_SIGNALS, rows_given(rows))


def has_pending_older_than(connection: Connection, *, seconds: float) -> bool:
    """Tell whether an accepted signal of a recorder that does not rest has been waiting for longer than this."""
    waiting = (
        select(recorded_signals.c.id)
        .join(recorders, recorders.c.id == recorded_signals.c.recorder_id)
        .where(
            recorded_signals.c.status == "accepted",
            recorded_signals.c.created_at < func.clock_timestamp() - timedelta(seconds=seconds),
            does_not_rest(),
        )
    )
    return bool(connection.execute(select(waiting.exists())).scalar_one())


def _ids(recorder_ids: Collection[int]) -> Any:
    return sorted(recorder_ids)


_GIVE_OUTCOMES = (
    update_many(recorded_signals, ["id"], ["status", "reason", "note", "entry", "place", "sequence"])
    .where(recorded_signals.c.status == "accepted")
    .values(recorded_at=func.clock_timestamp())
)
_COUNT_SIGNALS = update_many(recorders, ["id"], ["signal_count"])
