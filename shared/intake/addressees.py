"""Whom a webhook URL belongs to."""

from datetime import datetime

from shared.store.database import Connection
from shared.store.recorders import AlertTarget, find_target_by_token_hash
from shared.store.users import User, find_user_by_webhook_token_hash

Addressee = AlertTarget | User


def find_addressee(connection: Connection, hashed_token: bytes, *, at: datetime | None = None) -> Addressee | None:
    """Find the recorder whose own URL carries the token, with its settings now or `at` a moment before.

    If it is the token of a user's URL, which serves all of their recorders, find the user.
    """
    recorder = find_target_by_token_hash(connection, hashed_token, at=at)
    return recorder or find_user_by_webhook_token_hash(connection, hashed_token)
