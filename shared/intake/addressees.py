"""Whom a webhook URL belongs to."""

from collections.abc import Collection
from datetime import datetime

from shared.store.database import Connection
from shared.store.recorders import AlertTarget, find_target_by_token_hash, find_targets_by_token_hash
from shared.store.users import User, find_user_by_webhook_token_hash

Addressee = AlertTarget | User


def find_addressee(connection: Connection, hashed_token: bytes, *, at: datetime | None = None) -> Addressee | None:
    """Find the recorder whose own URL carries the token, with its settings now or `at` a moment before.

    If it is the token of a user's URL, which serves all of their recorders, find the user.
    """
    recorder = find_target_by_token_hash(connection, hashed_token, at=at)
    return recorder or find_user_by_webhook_token_hash(connection, hashed_token)


def find_addressees(connection: Connection, hashed_tokens: Collection[bytes]) -> dict[bytes, Addressee]:
    """Find the addressees of many tokens by their hashes, with their settings now; those of nobody are left out."""
    found: dict[bytes, Addressee] = dict(find_targets_by_token_hash(connection, hashed_tokens))
    for hashed in set(hashed_tokens) - found.keys():
        user = find_user_by_webhook_token_hash(connection, hashed)
        if user is not None:
            found[hashed] = user
    return found
