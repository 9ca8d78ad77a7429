"""Contracts by user: rows are versions, the newest of a root is in force, a user's own before the packaged one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, insert, select
from sqlalchemy.dialects.postgresql import distinct_on

from shared.domain.contracts import Contract
from shared.store.tables import contracts

CONTRACT_FACTS = [
    contracts.c[name] for name in ("root", "kind", "exchange", "name", "tick_size", "multiplier", "currency")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractsInForce:
    """The contracts that hold for one user now, with the ids of their versions, both by root."""

    by_root: Mapping[str, Contract]
    ids: Mapping[str, int]


def contracts_in_force(connection: Connection, user_id: int | None) -> ContractsInForce:
    """Load the contracts of a user, or with None the packaged ones."""
    visible = contracts.c.user_id.is_(None) | (contracts.c.user_id == user_id)
    newest_first = (contracts.c.root, contracts.c.user_id.asc().nulls_last(), contracts.c.id.desc())
    rows = connection.execute(
        select(contracts.c.id, *CONTRACT_FACTS)
        .where(visible)
        .ext(distinct_on(contracts.c.root))
        .order_by(*newest_first)
    ).mappings()
    versions = {row["root"]: row for row in rows}
    return ContractsInForce(
        by_root={root: read_contract(row) for root, row in versions.items()},
        ids={root: row["id"] for root, row in versions.items()},
    )


def load_contracts(connection: Connection, ids: Collection[int]) -> dict[int, Contract]:
    """Load these versions, whether or not they are still in force."""
    rows = connection.execute(select(contracts.c.id, *CONTRACT_FACTS).where(contracts.c.id.in_(ids))).mappings()
    return {row["id"]: read_contract(row) for row in rows}


def add_contract(connection: Connection, contract: Contract, *, user_id: int | None) -> int:
    """Add a version, in force from now on for this user, or with None for all who have no own; returns its id."""
    facts = {column.name: getattr(contract, column.name) for column in CONTRACT_FACTS}
    statement = insert(contracts).values(user_id=user_id, **facts).returning(contracts.c.id)
    contract_id: int = connection.execute(statement).scalar_one()
    return contract_id


def seed_contracts(connection: Connection, packaged: Mapping[str, Contract]) -> int:
    """Add what is new or corrected in the packaged table; returns how many versions were added."""
    known = contracts_in_force(connection, None).by_root
    changed = [contract for root, contract in packaged.items() if known.get(root) != contract]
    for contract in changed:
        add_contract(connection, contract, user_id=None)
    return len(changed)


def read_contract(row: RowMapping) -> Contract:
    """Read the columns of CONTRACT_FACTS."""
    return Contract(**{column.name: row[column.name] for column in CONTRACT_FACTS})
