"""Recorders and the versions of their settings; what a recorder holds is kept elsewhere."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    delete,
    func,
    insert,
    null,
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
from shared.store.pages import Order, Page, SortColumn, fetch_page
from shared.store.settling import unsettle_recorder
from shared.store.tables import recorder_settings, recorders, users
from shared.tokens import TokenCipher, make_token, token_hash

_NO_VERSION_YET = 0
_ONE_OF_A_NAME = "uq_recorders_user_id_name"
_OWN_COLUMNS = (
    "id",
    "user_id",
    "settings_id",
    "webhook_token_encrypted",
    "signal_count",
    "error",
    "archived_at",
    "created_at",
    "updated_at",
)
_COLUMNS = (*_OWN_COLUMNS, "settings")
_BY_NAME = Order(columns={"name": SortColumn(recorders.c.name)}, key=recorders.c.id)
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
    archived_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def name(self) -> str:
        """The name, as the settings have it."""
        return self.settings.name


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
    if connection.execute(_owned(user_id, recorder_id).with_for_update()).one_or_none() is None:
        return False
    unsettle_recorder(connection, recorder_id)
    return connection.execute(delete(recorders).where(*_is(user_id, recorder_id))).rowcount > 0


def list_recorders(connection: Connection, user_id: int, *, archived: bool | None = None) -> list[Recorder]:
    """List a user's recorders by name: those that are archived, those that are not, or with None all."""
    query = _recorders().where(recorders.c.user_id == user_id).order_by(recorders.c.name)
    if archived is not None:
        query = query.where(recorders.c.archived_at.is_not(None) if archived else recorders.c.archived_at.is_(None))
    return [_recorder(row) for row in connection.execute(query).mappings()]


def list_page_of_recorders(
    connection: Connection, user_id: int, *, archived: bool, cursor: str | None, limit: int
) -> Page[Recorder]:
    """List a page of a user's recorders by name. Raises PageRefused for a cursor that is not one."""
    query = _recorders().where(recorders.c.user_id == user_id, recorders.c.archived_at.is_not(None) == archived)
    page = fetch_page(connection, query, _BY_NAME, sort="name", cursor=cursor, limit=limit)
    return page.map(lambda row: _recorder(row._mapping))  # noqa: SLF001 - a row's way to be asked by name


def count_archived(connection: Connection, user_id: int) -> int:
    """Count a user's recorders that are archived."""
    archived = recorders.c.user_id == user_id, recorders.c.archived_at.is_not(None)
    return int(connection.execute(select(func.count()).select_from(recorders).where(*archived)).scalar_one())


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


def count_signals(connection: Connection) -> int:
    """Add up how many signals all recorders have taken; it reads no signal."""
    return int(connection.execute(select(func.coalesce(func.sum(recorders.c.signal_count), 0))).scalar_one())


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
    """Add a version of the settings, and set the columns that repeat it on the recorder; one that records is back."""
    version = (
        insert(recorder_settings)
        .values(recorder_id=recorder_id, settings=settings_as_json(settings))
        .returning(recorder_settings.c.id)
    )
    settings_id = connection.execute(version).scalar_one()
    connection.execute(
        update(recorders)
        .where(recorders.c.id == recorder_id)
        .values(
            settings_id=settings_id,
            updated_at=func.clock_timestamp(),
            archived_at=null() if settings.recording_enabled else recorders.c.archived_at,
            **_mirrored(settings),
        )
    )


def _recorders() -> Select[Any]:
    return select(*(recorders.c[name] for name in _OWN_COLUMNS), recorder_settings.c.settings).join(
        recorder_settings, recorder_settings.c.id == recorders.c.settings_id
    )


def _recorder(row: RowMapping) -> Recorder:
    values = {name: row[name] for name in _COLUMNS}
    return Recorder(**{**values, "settings": parse_recorder_settings(row["settings"])})


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
