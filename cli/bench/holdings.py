"""Rows of open positions by the thousand: one of a kind is written as the fold leaves it, the others are its copies."""

from collections.abc import Mapping, Sequence
from typing import Any

from cli.bench import traders
from cli.bench.stand import SECRET_KEY
from shared.domain.position import Position
from shared.store.contracts import contracts_in_force
from shared.store.database import Connection, Engine
from shared.store.fold_results import FoldedPosition, write_positions
from shared.store.tables import recorded_trades, recorder_positions
from shared.store.users import create_user
from shared.tokens import TokenCipher, make_token

SETTINGS = {"symbol": "MNQ1!", "sl_enabled": True, "sl_amount": "1000"}


def add_recorders(engine: Engine, count: int) -> list[int]:
    """Add a user with so many recorders, all alike but for their names; their ids."""
    with engine.begin() as connection:
        user_id = create_user(connection, "bench", SECRET_KEY, TokenCipher(SECRET_KEY)).user.id
        return traders.add_recorders(connection, user_id, SETTINGS, [make_token() for _ in range(count)])


def hold(engine: Engine, recorder_ids: Sequence[int], positions: Sequence[Position]) -> list[int]:
    """Give each recorder one of these positions, which are of one symbol, round and round; the positions' ids."""
    with engine.begin() as connection:
        originals = list(zip(recorder_ids, positions, strict=False))
        ids = _write(connection, originals)
        copies = recorder_ids[len(originals) :]
        copied = [recorder_ids[number % len(originals)] for number in range(len(copies))]
        parameters = {"symbol": positions[0].symbol, "copied": copied, "copies": list(copies)}
        more = connection.exec_driver_sql(_COPY_POSITIONS, parameters).scalars().all()
        connection.exec_driver_sql(_COPY_TRADES, parameters)
        return [*ids, *more]


def _write(connection: Connection, originals: Sequence[tuple[int, Position]]) -> list[int]:
    held = contracts_in_force(connection, None)
    contract_ids = {contract: held.ids[root] for root, contract in held.by_root.items()}
    folded = [FoldedPosition(recorder_id=owner, position=position, stored=None) for owner, position in originals]
    return [written.id for written in write_positions(connection, folded, contract_ids)]


def analyze(engine: Engine) -> None:
    """Let Postgres know how many rows there are, as it would after a while by itself."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")


def _columns(table: Any, less: set[str]) -> list[str]:
    return [column.name for column in table.columns if column.name not in {"id", "recorder_id", *less}]


def _copied(names: Sequence[str], prefix: str) -> Mapping[str, str]:
    return {"names": ", ".join(names), "values": ", ".join(f"{prefix}.{name}" for name in names)}


_COPY_POSITIONS = """
    WITH made AS (
        INSERT INTO recorder_positions (recorder_id, {names})
        SELECT pair.copy, {values}
        FROM unnest(%(copied)s::bigint[], %(copies)s::bigint[]) AS pair (copied, copy)
        JOIN recorder_positions original ON original.recorder_id = pair.copied AND original.ticker = %(symbol)s
        RETURNING id
    )
    SELECT id FROM made ORDER BY id
""".format_map(_copied(_columns(recorder_positions, set()), "original"))
_COPY_TRADES = """
    INSERT INTO recorded_trades (recorder_id, position_id, {names})
    SELECT pair.copy, position.id, {values}
    FROM unnest(%(copied)s::bigint[], %(copies)s::bigint[]) AS pair (copied, copy)
    JOIN recorded_trades original ON original.recorder_id = pair.copied AND original.ticker = %(symbol)s
    JOIN recorder_positions position ON position.recorder_id = pair.copy AND position.ticker = %(symbol)s
""".format_map(_copied(_columns(recorded_trades, {"position_id"}), "original"))
