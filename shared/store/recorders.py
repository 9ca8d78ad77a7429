"""Recorders and the versions of their settings; what a recorder holds is kept elsewhere."""

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    RowMapping,
    Select,
    Text,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as insert_unless_taken
from sqlalchemy.exc import IntegrityError

from shared.domain.recorder_settings import (
    RecorderSettings,
    SettingsRefused,
    parse_recorder_settings,
    settings_as_json,
)
from shared.domain.symbols import UnknownSymbol, normalize_symbol
from shared.store.contracts import contracts_in_force
from shared.store.tables import contracts, recorder_settings, recorders, users
from shared.tokens import TokenCipher, make_token, token_hash

FIRST_REST = timedelta(seconds=0.5)
LONGEST_REST = timedelta(seconds=60)
_MOST_DOUBLINGS = 10
_NO_VERSION_YET = 0
_ONE_OF_A_NAME = "uq_recorders_user_id_name"
_MIRRORED = (
    "name",
    "strategy_type",
    "symbol",
    "initial_position_size",
    "tp_targets",
    "sl_enabled",
    "sl_amount",
    "sl_units",
    "recording_enabled",
)

# Contracts are only ever added, so their number tells one state of the table from another.
_CONTRACTS_VERSION = (
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
    _CONTRACTS_VERSION,
).join(recorder_settings, recorder_settings.c.id == recorders.c.settings_id)


class RecorderNameTaken(ValueError):
    """The user has a recorder of this name already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    """A recorder with the settings in force; `error` says why it is not up to date, if it cannot be brought so."""

    id: int
    user_id: int
    settings_id: int
    settings: RecorderSettings
    webhook_token_encrypted: bytes
    signal_count: int
    error: str | None
    created_at: datetime
    updated_at: datetime

    @property
    def name(self) -> str:
        """The name, as the settings have it."""
        return self.settings.name


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedRecorder:
    """How many signals a recorder has taken, and how often in a row catching up with it failed."""

    signal_count: int
    failures: int


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


def create_recorder(
    connection: Connection, user_id: int, settings: RecorderSettings, cipher: TokenCipher
) -> tuple[Recorder, str]:
    """Add a recorder; returns it with its webhook token.

    Raises RecorderNameTaken, and SettingsRefused for a symbol that is not known.
    """
    settings = _with_normal_symbol(connection, user_id, settings)
    token = make_token()
    recorder_id = connection.execute(
        insert_unless_taken(recorders)
        .values(user_id=user_id, settings_id=_NO_VERSION_YET, **_token_columns(token, cipher), **_mirrored(settings))
        .on_conflict_do_nothing(index_elements=[recorders.c.user_id, recorders.c.name])
        .returning(recorders.c.id)
    ).scalar_one_or_none()
    if recorder_id is None:
        raise RecorderNameTaken(_taken(settings))
    _put_in_force(connection, recorder_id, settings)
    row = connection.execute(_recorders().where(recorders.c.id == recorder_id)).mappings().one()
    return _recorder(row), token


def update_recorder(connection: Connection, user_id: int, recorder_id: int, settings: RecorderSettings) -> bool:
    """Put a new version of the settings in force; False if the user has no such recorder.

    Signals that are accepted already keep the version they were accepted under. Raises RecorderNameTaken, and
    SettingsRefused for a symbol that is not known.
    """
    if connection.execute(_owned(user_id, recorder_id).with_for_update(key_share=True)).one_or_none() is None:
        return False
    settings = _with_normal_symbol(connection, user_id, settings)
    try:
        with connection.begin_nested():
            _put_in_force(connection, recorder_id, settings)
    except IntegrityError as error:
        if _ONE_OF_A_NAME not in str(error.orig):
            raise
        raise RecorderNameTaken(_taken(settings)) from error
    return True


def rotate_webhook_token(connection: Connection, user_id: int, recorder_id: int, cipher: TokenCipher) -> str | None:
    """Replace the token of the recorder's URL; None if the user has no such recorder."""
    token = make_token()
    changed = connection.execute(
        update(recorders).where(*_is(user_id, recorder_id)).values(**_token_columns(token, cipher))
    )
    return token if changed.rowcount else None


def delete_recorder(connection: Connection, user_id: int, recorder_id: int) -> bool:
    """Delete a recorder with everything it recorded; False if the user has no such recorder."""
    return connection.execute(delete(recorders).where(*_is(user_id, recorder_id))).rowcount > 0


def list_recorders(connection: Connection, user_id: int) -> list[Recorder]:
    """List a user's recorders by name."""
    rows = connection.execute(_recorders().where(recorders.c.user_id == user_id).order_by(recorders.c.name))
    return [_recorder(row) for row in rows.mappings()]


def find_recorder(connection: Connection, user_id: int, recorder_id: int) -> Recorder | None:
    """Find one of the user's recorders."""
    row = connection.execute(_recorders().where(*_is(user_id, recorder_id))).mappings().one_or_none()
    return None if row is None else _recorder(row)


def find_recorders_named(connection: Connection, name: str, user_name: str | None) -> list[Recorder]:
    """Find the recorders of this name, of one user or of all."""
    statement = _recorders().join(users, users.c.id == recorders.c.user_id).where(recorders.c.name == name)
    if user_name is not None:
        statement = statement.where(users.c.name == user_name)
    return [_recorder(row) for row in connection.execute(statement).mappings()]


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
        replace(target, settings_id=row.id, settings_since=row.created_at, settings=_parse_written(row.written))
        for row in rows
    ]


def _with_normal_symbol(connection: Connection, user_id: int, settings: RecorderSettings) -> RecorderSettings:
    """Bring the symbol to its normal form as of now, so that a one-digit year keeps its meaning."""
    if settings.symbol is None:
        return settings
    known = contracts_in_force(connection, user_id).by_root
    try:
        resolved = normalize_symbol(settings.symbol, occurred_at=time.time_ns(), contracts=known)
    except UnknownSymbol as error:
        raise SettingsRefused({"symbol": str(error)}) from error
    return replace(settings, symbol=resolved.symbol)


def _put_in_force(connection: Connection, recorder_id: int, settings: RecorderSettings) -> None:
    """Add a version of the settings, and set the columns that repeat it on the recorder."""
    version = (
        insert(recorder_settings)
        .values(recorder_id=recorder_id, settings=settings_as_json(settings))
        .returning(recorder_settings.c.id)
    )
    settings_id = connection.execute(version).scalar_one()
    connection.execute(
        update(recorders)
        .where(recorders.c.id == recorder_id)
        .values(settings_id=settings_id, updated_at=func.clock_timestamp(), **_mirrored(settings))
    )


def _find_target(connection: Connection, condition: ColumnElement[bool]) -> AlertTarget | None:
    row = connection.execute(_TARGETS.where(condition)).one_or_none()
    return None if row is None else _target(row)


def _target(row: Row[Any]) -> AlertTarget:
    return AlertTarget(
        recorder_id=row.id,
        user_id=row.user_id,
        settings_id=row.settings_id,
        settings_since=row.settings_since,
        settings=_parse_written(row.written),
        contracts_version=row.contracts_version,
    )


def _recorders() -> Select[Any]:
    names = (
        "id",
        "user_id",
        "settings_id",
        "webhook_token_encrypted",
        "signal_count",
        "error",
        "created_at",
        "updated_at",
    )
    return select(*(recorders.c[name] for name in names), recorder_settings.c.settings).join(
        recorder_settings, recorder_settings.c.id == recorders.c.settings_id
    )


def _recorder(row: RowMapping) -> Recorder:
    return Recorder(**{**row, "settings": parse_recorder_settings(row["settings"])})


def _owned(user_id: int, recorder_id: int) -> Select[Any]:
    return select(recorders.c.id).where(*_is(user_id, recorder_id))


def _is(user_id: int, recorder_id: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return recorders.c.id == recorder_id, recorders.c.user_id == user_id


def _mirrored(settings: RecorderSettings) -> dict[str, object]:
    as_json = settings_as_json(settings)
    return {name: as_json[name] for name in _MIRRORED}


def _token_columns(token: str, cipher: TokenCipher) -> Mapping[str, bytes]:
    return {"webhook_token_hash": token_hash(token), "webhook_token_encrypted": cipher.encrypt(token)}


def _taken(settings: RecorderSettings) -> str:
    return f"there is a recorder {settings.name!r} already"


def lock_recorders(
    connection: Connection, recorder_ids: Collection[int], *, wait: bool = True
) -> dict[int, LockedRecorder]:
    """Lock these recorders in id order, less those that rest, and without `wait` those that somebody has locked."""
    statement = (
        select(recorders.c.id, recorders.c.signal_count, recorders.c.failures)
        .where(recorders.c.id == func.any(sorted(recorder_ids)), does_not_rest())
        .order_by(recorders.c.id)
        .with_for_update(key_share=True, skip_locked=not wait)
    )
    rows = connection.execute(statement)
    return {row.id: LockedRecorder(signal_count=row.signal_count, failures=row.failures) for row in rows}


def does_not_rest() -> ColumnElement[bool]:
    """Tell, in a query, whether a recorder may be tried: it did not fail, or long enough ago."""
    return recorders.c.retry_at.is_(None) | (recorders.c.retry_at <= func.clock_timestamp())


def let_rest(connection: Connection, recorder_id: int, error: str) -> None:
    """Leave a recorder on which the fold failed alone, for twice as long after each failure in a row."""
    pause = func.least(LONGEST_REST, FIRST_REST * func.power(2, func.least(recorders.c.failures, _MOST_DOUBLINGS)))
    connection.execute(
        update(recorders)
        .where(recorders.c.id == recorder_id)
        .values(failures=recorders.c.failures + 1, error=error, retry_at=func.clock_timestamp() + pause)
    )


def end_rest(connection: Connection, recorder_ids: Collection[int]) -> None:
    """Forget the failures of recorders with which it went well."""
    if recorder_ids:
        its_rows = update(recorders).where(recorders.c.id == func.any(sorted(recorder_ids)))
        connection.execute(its_rows.values(failures=0, error=None, retry_at=None))


def load_settings_versions(connection: Connection, settings_ids: Collection[int]) -> dict[int, RecorderSettings]:
    """Load these versions of settings, whether or not they are still in force."""
    rows = connection.execute(
        select(recorder_settings.c.id, cast(recorder_settings.c.settings, Text).label("written")).where(
            recorder_settings.c.id == func.any(sorted(settings_ids))
        )
    )
    return {row.id: _parse_written(row.written) for row in rows}


@lru_cache(maxsize=10_000)  # reading them takes longer than all else that a signal costs
def _parse_written(written: str) -> RecorderSettings:
    return parse_recorder_settings(json.loads(written))
