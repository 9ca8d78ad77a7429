"""Whom a webhook URL belongs to, now or when an alert came."""

from collections.abc import Collection
from datetime import datetime

from shared.store.alert_targets import (
    AlertTarget,
    find_target_by_name,
    find_target_by_token_hash,
    find_targets_by_token_hash,
    load_targets_then,
)
from shared.store.database import Connection
from shared.store.users import User, find_user_by_webhook_token_hash

Addressee = AlertTarget | User


def find_addressee(connection: Connection, hashed_token: bytes) -> Addressee | None:
    """Find the recorder whose own URL carries the token, or the user whose URL serves all of their recorders."""
    return find_target_by_token_hash(connection, hashed_token) or find_user_by_webhook_token_hash(
        connection, hashed_token
    )


class AddressBook:
    """Addressees of many alerts, with the settings of when each came; it asks for each of them once."""

    def __init__(self, connection: Connection, hashed_tokens: Collection[bytes]) -> None:
        """Look up all whose URLs carry these tokens."""
        self._connection = connection
        self._by_token: dict[bytes, Addressee] = dict(find_targets_by_token_hash(connection, hashed_tokens))
        for hashed in set(hashed_tokens) - self._by_token.keys():
            user = find_user_by_webhook_token_hash(connection, hashed)
            if user is not None:
                self._by_token[hashed] = user
        self._by_name: dict[tuple[int, str], AlertTarget | None] = {}
        self._then: dict[int, list[AlertTarget]] = {}

    def find(self, hashed_token: bytes, at: datetime) -> Addressee | None:
        """Find an addressee as of a moment; None for nobody."""
        found = self._by_token.get(hashed_token)
        return self._as_of(found, at) if isinstance(found, AlertTarget) else found

    def find_named(self, user_id: int, name: str, at: datetime) -> AlertTarget | None:
        """Find the user's recorder of a name as of a moment."""
        key = (user_id, name)
        if key not in self._by_name:
            self._by_name[key] = find_target_by_name(self._connection, user_id, name)
        found = self._by_name[key]
        return self._as_of(found, at) if found else None

    def _as_of(self, target: AlertTarget, at: datetime) -> AlertTarget:
        if target.settings_since <= at:
            return target
        if target.recorder_id not in self._then:
            self._then[target.recorder_id] = load_targets_then(self._connection, target)
        versions = self._then[target.recorder_id]
        return next((each for each in reversed(versions) if each.settings_since <= at), versions[0])
