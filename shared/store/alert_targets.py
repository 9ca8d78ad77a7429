"""What intake needs of recorders: found by the token of a URL or by name, with their settings now or before."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Text, cast, func, select

from shared.domain.recorder_settings import RecorderSettings
from shared.store.settings_versions import parse_written
from shared.store.tables import contracts, recorder_settings, recorders

# Contracts are only ever added, so their number tells one state of the table from another.
CONTRACTS_VERSION = (
    select(func.count())
    .select_from(contracts)
    .where(contracts.c.user_id.is_(None) | (contracts.c.user_id == recorders.c.user_id))
    .scalar_subquery()
    .label("contracts_version")
)
# Built once: every webhook asks for it.
_TARGETS = select(
    recorders.c.id,
    recorders.c.user_id,
    recorders.c.settings_id,
    recorder_settings.c.created_at.label("settings_since"),
    cast(recorder_settings.c.settings, Text).label("written"),
    recorders.c.webhook_token_hash,
    CONTRACTS_VERSION,
).join(recorder_settings, recorder_settings.c.id == recorders.c.settings_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTarget:
    """What intake needs of a recorder, whose settings are in force since `settings_since`.

    `contracts_version` changes with every contract its user can see.
    """

    recorder_id: int
    user_id: int
    settings_id: int
    settings_since: datetime
    settings: RecorderSettings
    contracts_version: int


def find_target_by_token_hash(connection: Connection, hashed: bytes) -> AlertTarget | None:
    """Find the recorder whose own webhook URL carries the token."""
    return _find_target(connection, recorders.c.webhook_token_hash == hashed)


def find_targets_by_token_hash(connection: Connection, hashes: Collection[bytes]) -> dict[bytes, AlertTarget]:
    """Find the recorders whose own webhook URLs carry these tokens, by the token's hash."""
    rows = connection.execute(_TARGETS.where(recorders.c.webhook_token_hash == func.any(list(hashes))))
    return {bytes(row.webhook_token_hash): _target(row) for row in rows}


def find_target_by_name(connection: Connection, user_id: int, name: str) -> AlertTarget | None:
    """Find the user's recorder that an alert to the user's URL names."""
    return _find_target(connection, (recorders.c.user_id == user_id) & (recorders.c.name == name))


def load_targets_then(connection: Connection, target: AlertTarget) -> list[AlertTarget]:
    """Return a recorder as it was under each version of its settings, the oldest first."""
    columns = recorder_settings.c
    rows = connection.execute(
        select(columns.id, columns.created_at, cast(columns.settings, Text).label("written"))
        .where(columns.recorder_id == target.recorder_id)
        .order_by(columns.id)
    )
    return [
        replace(target, settings_id=row.id, settings_since=row.created_at, settings=parse_written(row.written))
        for row in rows
    ]


def _find_target(connection: Connection, condition: ColumnElement[bool]) -> AlertTarget | None:
    row = connection.execute(_TARGETS.where(condition)).one_or_none()
    return None if row is None else _target(row)


def _target(row: Row[Any]) -> AlertTarget:
    return AlertTarget(
        recorder_id=row.id,
        user_id=row.user_id,
        settings_id=row.settings_id,
        settings_since=row.settings_since,
        settings=parse_written(row.written),
        contracts_version=row.contracts_version,
    )
