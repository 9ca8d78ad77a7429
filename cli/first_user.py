"""The database made ready for the first start: tables, contracts, and somebody who can log in."""

from cli.administration import make_password
from cli.environment import database_refused
from shared.settings import Settings

FIRST_USER = "admin"


def prepare_database(settings: Settings) -> str | None:
    """Migrate, and add the first user if there is none; returns the password that was made up for it."""
    from shared.store.database import DATABASE_LOST
    from shared.store.migrate import upgrade

    try:
        upgrade(settings.database_url)
        return _add_first_user(settings)
    except DATABASE_LOST as error:
        raise database_refused(error) from error


def _add_first_user(settings: Settings) -> str | None:
    from shared.store.database import connect_database
    from shared.store.users import any_users, create_user
    from shared.tokens import TokenCipher

    engine = connect_database(settings.database_url, application="recorder up", pool_size=1)
    try:
        with engine.begin() as connection:
            if any_users(connection):
                return None
            password = make_password()
            create_user(connection, FIRST_USER, password, TokenCipher(settings.secret_key))
            return password
    finally:
        engine.dispose()
