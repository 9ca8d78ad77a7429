"""Alerts stored in one statement, each if the recorder that it was read for is still as it was then."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection, text

from shared.store.signal_intake import INSERTED, INTAKE_LOCKS, NewSignal, StoredSignal


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentAlert:
    """A signal for a recorder, whose settings it names, as sent with a token and read by contracts of a version."""

    signal: NewSignal
    hashed_token: bytes
    contracts_version: int


# What is given is one text, so that the statement is the same for any number of alerts. All locks are taken, in one
# order, before the first row is made: each row's created_at is read after that. Whether a recorder is still the same is
# asked for each alert by itself, for Postgres would rather look at all recorders than at a few by their index.
_STORE = text(
    f"""
    WITH given AS (
        SELECT number, hashed_token, contracts_version, (signal).*
        FROM json_to_recordset(CAST(:alerts AS json)) AS given
            (number int, hashed_token bytea, contracts_version bigint, signal recorded_signals)
    ), locks AS (
        SELECT pg_advisory_xact_lock({INTAKE_LOCKS}, hashint8(recorder_id))
        FROM (SELECT DISTINCT recorder_id FROM given ORDER BY recorder_id) each
    )
    INSERT INTO recorded_signals ({", ".join(INSERTED)}, recorded_at)
    SELECT {", ".join(INSERTED)}, CASE WHEN status <> 'accepted' THEN clock_timestamp() END
    FROM given
    WHERE (SELECT count(*) FROM locks) > 0 AND (
        SELECT recorders.settings_id = given.settings_id
            AND given.hashed_token IN (recorders.webhook_token_hash, users.webhook_token_hash)
            AND given.contracts_version = (SELECT count(*) FROM contracts WHERE user_id IS NULL)
                + (SELECT count(*) FROM contracts WHERE user_id = recorders.user_id)
        FROM recorders JOIN users ON users.id = recorders.user_id
        WHERE recorders.id = given.recorder_id
    )
    ORDER BY number
    ON CONFLICT DO NOTHING
    RETURNING intake_id, id, status, reason
    """  # noqa: S608 - names of columns
)


def store_current(connection: Connection, alerts: Sequence[CurrentAlert]) -> dict[UUID, StoredSignal]:
    """Store alerts as `insert_signal` does; what is stored, by the id of its request.

    Left out are those whose recorder, settings, contracts or token are not those that are given any more, and those
    that are stored already. Call it without a transaction around it.
    """
    given = [_given(number, each) for number, each in enumerate(alerts)]
    rows = connection.execute(_STORE, {"alerts": msgspec.json.encode(given).decode()})
    return {row.intake_id: StoredSignal(id=row.id, status=row.status, reason=row.reason) for row in rows}


def _given(number: int, alert: CurrentAlert) -> dict[str, Any]:
    signal = {name: _as_json(getattr(alert.signal, name)) for name in INSERTED}
    return {
        "number": number,
        "hashed_token": _as_json(alert.hashed_token),
        "contracts_version": alert.contracts_version,
        "signal": signal,
    }


def _as_json(value: Any) -> Any:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else value
