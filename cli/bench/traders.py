"""Users and their recorders, thousands of them in a few statements."""

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import text

from cli.bench.stand import SECRET_KEY, Stand
from shared.domain.recorder_settings import parse_recorder_settings, settings_as_json
from shared.store.database import Connection
from shared.store.users import create_user
from shared.tokens import TokenCipher, make_token, token_hash

PASSWORD = "a password of the bench"  # noqa: S105 - of servers that live for minutes
SETTINGS = {
    "symbol": "MNQ1!",
    "tp_targets": [{"value": 4000, "trim": 1}],
    "sl_enabled": True,
    "sl_amount": 4000,
}


def add_trader(stand: Stand, name: str, recorder_count: int) -> list[str]:
    """Add a user with so many recorders; returns the tokens of their webhook URLs, in the order of the recorders."""
    cipher = TokenCipher(SECRET_KEY)
    tokens = [make_token() for _ in range(recorder_count)]
    with stand.engine.begin() as connection:
        user_id = create_user(connection, name, PASSWORD, cipher).user.id
        add_recorders(connection, user_id, SETTINGS, tokens)
    return tokens


def add_recorders(
    connection: Connection, user_id: int, settings: Mapping[str, object], tokens: Sequence[str]
) -> list[int]:
    """Add a recorder for each token, alike but for their names; returns their ids, in their order."""
    facts = {
        "user_id": user_id,
        "symbol": settings["symbol"],
        "sl_amount": settings["sl_amount"],
        "hashes": [token_hash(token) for token in tokens],
        "encrypted": TokenCipher(SECRET_KEY).encrypt(make_token()),  # nobody looks at them in a bench
    }
    ids = connection.execute(_ADD_RECORDERS, facts).scalars().all()
    written = json.dumps(settings_as_json(parse_recorder_settings({"name": "a strategy", **settings})))
    connection.execute(_ADD_VERSIONS, {"user_id": user_id, "written": written})
    connection.execute(_PUT_IN_FORCE, {"user_id": user_id})
    return sorted(ids)


_ADD_RECORDERS = text(
    """
    INSERT INTO recorders
        (user_id, name, symbol, sl_amount, settings_id, webhook_token_hash, webhook_token_encrypted)
    SELECT :user_id, 'strategy ' || lpad(CAST(number AS text), 6, '0'), :symbol, :sl_amount, 0, hashed, :encrypted
    FROM unnest(CAST(:hashes AS bytea[])) WITH ORDINALITY AS given (hashed, number)
    ORDER BY number
    RETURNING id
    """
)
_ADD_VERSIONS = text(
    """
    INSERT INTO recorder_settings (recorder_id, settings)
    SELECT id, jsonb_set(CAST(:written AS jsonb), '{name}', to_jsonb(name)) FROM recorders WHERE user_id = :user_id
    """
)
_PUT_IN_FORCE = text(
    """
    UPDATE recorders SET settings_id = version.id FROM recorder_settings version
    WHERE version.recorder_id = recorders.id AND recorders.user_id = :user_id
    """
)
