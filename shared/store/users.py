"""Users, how they prove who they are, and the tokens of their own URL and programs."""

from dataclasses import dataclass, field, fields
from functools import cache

from sqlalchemy import ColumnElement, Connection, exists, select, update
from sqlalchemy.dialects.postgresql import insert
from werkzeug.security import check_password_hash, generate_password_hash

from shared.store.tables import users
from shared.tokens import TokenCipher, make_token, token_hash

_METHOD = "scrypt"


class UserNameTaken(ValueError):
    """There is a user of this name already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Someone who logs in. `webhook_token_encrypted` is the token of the URL that serves all of their recorders."""

    id: int
    name: str
    password_hash: str = field(repr=False)
    timezone: str
    webhook_token_encrypted: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """A user with what is known in plain text only now."""

    user: User
    webhook_token: str
    api_key: str


def create_user(connection: Connection, name: str, password: str, cipher: TokenCipher) -> NewUser:
    """Add a user with a fresh webhook token and API key; raises UserNameTaken."""
    webhook_token, api_key = make_token(), make_token()
    row = connection.execute(
        insert(users)
        .values(
            name=name,
            password_hash=generate_password_hash(password, method=_METHOD),
            webhook_token_hash=token_hash(webhook_token),
            webhook_token_encrypted=cipher.encrypt(webhook_token),
            api_key_hash=token_hash(api_key),
        )
        .on_conflict_do_nothing(index_elements=[users.c.name])
        .returning(users.c.id)
    ).one_or_none()
    user = None if row is None else find_user(connection, row.id)
    if user is None:
        raise UserNameTaken(f"there is a user {name!r} already")
    return NewUser(user=user, webhook_token=webhook_token, api_key=api_key)


def verify_password(connection: Connection, name: str, password: str) -> User | None:
    """Return the user if the password is theirs; an unknown name takes as long as a wrong password."""
    user = find_user_by_name(connection, name)
    matches = check_password_hash(user.password_hash if user else _hash_of_nobody(), password)
    return user if matches else None


def change_password(connection: Connection, user_id: int, password: str) -> None:
    """Replace the user's password."""
    hashed = generate_password_hash(password, method=_METHOD)
    connection.execute(update(users).where(users.c.id == user_id).values(password_hash=hashed))


def rotate_api_key(connection: Connection, user_id: int) -> str:
    """Replace the user's API key; the new one is returned once and stored as a hash only."""
    api_key = make_token()
    connection.execute(update(users).where(users.c.id == user_id).values(api_key_hash=token_hash(api_key)))
    return api_key


def find_user(connection: Connection, user_id: int) -> User | None:
    """Find a user by id."""
    return _find(connection, users.c.id == user_id)


def find_user_by_name(connection: Connection, name: str) -> User | None:
    """Find a user by the name they log in with."""
    return _find(connection, users.c.name == name)


def find_user_by_webhook_token_hash(connection: Connection, hashed: bytes) -> User | None:
    """Find the user whose own webhook URL carries the token."""
    return _find(connection, users.c.webhook_token_hash == hashed)


def find_user_by_api_key_hash(connection: Connection, hashed: bytes) -> User | None:
    """Find the user whose programs send the API key."""
    return _find(connection, users.c.api_key_hash == hashed)


def any_users(connection: Connection) -> bool:
    """Tell whether anybody could log in."""
    return bool(connection.execute(select(exists().where(users.c.id.is_not(None)))).scalar_one())


def _find(connection: Connection, condition: ColumnElement[bool]) -> User | None:
    columns = [users.c[each.name] for each in fields(User)]
    row = connection.execute(select(*columns).where(condition)).one_or_none()
    return None if row is None else User(**row._mapping)  # noqa: SLF001 - the public name of a row's mapping


@cache
def _hash_of_nobody() -> str:
    return generate_password_hash(make_token(), method=_METHOD)
