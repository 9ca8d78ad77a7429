"""Brings a database to the tables and packaged contracts of this version; the migrations themselves are Alembic's."""

from importlib.resources import files

from alembic import command
from alembic.config import Config

from shared.contracts_file import packaged_contracts
from shared.store.contracts import seed_contracts
from shared.store.database import connect_database


def upgrade(database_url: str) -> None:
    """Migrate to the newest revision and seed the contracts, all or nothing; others who migrate wait for this one."""
    engine = connect_database(database_url, application="migrate", pool_size=1)
    try:
        with engine.begin() as connection:
            config = Config(attributes={"connection": connection})
            config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
            command.upgrade(config, "head")
            seed_contracts(connection, packaged_contracts())
    finally:
        engine.dispose()
