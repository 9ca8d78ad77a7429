from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from decimal import Decimal
from itertools import count
from multiprocessing import get_context

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, make_url, text

from shared.contracts_file import packaged_contracts
from shared.store import migrate
from shared.store.contracts import contracts_in_force, load_contracts, seed_contracts
from shared.store.database import connect_database
from shared.store.tables import metadata

CATALOG = {
    "columns": """
        SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'""",
    "indexes": """
        SELECT indexname, indexdef FROM pg_indexes
        WHERE schemaname = 'public' AND tablename <> 'alembic_version'""",
}
_numbers = count(1)


@pytest.fixture
def empty_database(_postgres_url: str) -> Iterator[str]:
    name = f"empty_{next(_numbers)}"
    server = create_engine(_postgres_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(_postgres_url).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


def test_an_empty_database_gets_exactly_the_tables_of_the_program(empty_database: str, engine: Engine) -> None:
    declared = connect_database(empty_database, application="tests")
    metadata.create_all(declared)

    with declared.connect() as from_tables, engine.connect() as from_migrations:
        assert catalog(from_migrations) == catalog(from_tables)
    declared.dispose()


def test_alembic_finds_nothing_left_to_migrate(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_migrators_that_start_together_wait_for_each_other(empty_database: str) -> None:
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        list(pool.map(migrate.upgrade, [empty_database] * 3))

    assert number_of_contracts(empty_database) == len(packaged_contracts())


def test_nothing_is_left_of_a_migration_that_fails(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(migrate, "seed_contracts", fail)

    with pytest.raises(RuntimeError, match="the disk is full"):
        migrate.upgrade(empty_database)

    engine = connect_database(empty_database, application="tests")
    with engine.connect() as connection:
        assert catalog(connection)["columns"] == []
    engine.dispose()


def test_a_corrected_contract_arrives_as_a_new_version_and_the_old_one_stays(engine: Engine) -> None:
    wrong = replace(packaged_contracts()["MNQ"], multiplier=Decimal(3))

    with engine.connect() as connection:
        seed_contracts(connection, {"MNQ": wrong})
        old_id = contracts_in_force(connection, None).ids["MNQ"]

        assert seed_contracts(connection, packaged_contracts()) == 1
        assert seed_contracts(connection, packaged_contracts()) == 0

        assert contracts_in_force(connection, None).by_root == packaged_contracts()
        assert load_contracts(connection, [old_id]) == {old_id: wrong}


def catalog(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    return {part: sorted(tuple(row) for row in connection.execute(text(query))) for part, query in CATALOG.items()}


def number_of_contracts(url: str) -> int:
    engine = connect_database(url, application="tests")
    with engine.connect() as connection:
        number: int = connection.execute(text("SELECT count(*) FROM contracts")).scalar_one()
    engine.dispose()
    return number
