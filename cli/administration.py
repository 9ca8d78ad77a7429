"""Users and recorders from the command line."""

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.environment import data_option, open_database, settings_for
from cli.refusals import Refused
from cli.web_client import webhook_url

if TYPE_CHECKING:
    from sqlalchemy import Connection


@click.group()
def user() -> None:
    """Users who log in."""


@click.group()
def recorder() -> None:
    """Recorders of a user."""


@recorder.group()
def token() -> None:
    """The secret part of a recorder's webhook URL."""


@user.command("add")
@click.argument("name")
@data_option
def add_user(name: str, data: Path) -> None:
    """Add a user, and print the password once."""
    from shared.store.users import UserNameTaken, create_user
    from shared.tokens import TokenCipher

    password = make_password()
    with open_database(data) as connection:
        try:
            made = create_user(connection, name, password, TokenCipher(settings_for(data).secret_key))
        except UserNameTaken as error:
            raise Refused(str(error)) from error
    click.echo(f"password: {password}\nAPI key:  {made.api_key}\nNeither is shown again.")


@user.command("password")
@click.argument("name")
@data_option
def renew_password(name: str, data: Path) -> None:
    """Replace a forgotten password, and print the new one once."""
    from shared.store.users import change_password

    password = make_password()
    with open_database(data) as connection:
        change_password(connection, _user_id(connection, name), password)
    click.echo(f"password: {password}")


@user.command("api-key")
@click.argument("name")
@data_option
def renew_api_key(name: str, data: Path) -> None:
    """Replace the API key, and print the new one once; the old one stops working at once."""
    from shared.store.users import rotate_api_key

    with open_database(data) as connection:
        api_key = rotate_api_key(connection, _user_id(connection, name))
    click.echo(f"API key: {api_key}")


@recorder.command("add")
@click.option("--user", "user_name", required=True, metavar="NAME", help="Whose recorder it will be.")
@click.option("--file", "path", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@data_option
def add_recorder(user_name: str, path: Path, data: Path) -> None:
    """Add a recorder with the settings in a JSON file, and print its webhook URL."""
    from shared.domain.recorder_settings import SettingsRefused, parse_recorder_settings
    from shared.store.recorders import RecorderNameTaken, create_recorder
    from shared.tokens import TokenCipher

    settings = settings_for(data)
    try:
        wanted = parse_recorder_settings(_json_object(path))
        with open_database(data) as connection:
            cipher = TokenCipher(settings.secret_key)
            _, webhook_token = create_recorder(connection, _user_id(connection, user_name), wanted, cipher)
    except SettingsRefused as error:
        raise Refused(f"{path}: {error}") from error
    except RecorderNameTaken as error:
        raise Refused(str(error)) from error
    click.echo(webhook_url(settings.port, webhook_token))


@token.command("rotate")
@click.argument("name")
@click.option("--user", "user_name", required=True, metavar="NAME", help="Whose recorder it is.")
@data_option
def rotate_token(name: str, user_name: str, data: Path) -> None:
    """Give a recorder a new webhook URL; the old one stops working at once."""
    from shared.store.recorders import list_recorders, rotate_webhook_token
    from shared.tokens import TokenCipher

    settings = settings_for(data)
    with open_database(data) as connection:
        user_id = _user_id(connection, user_name)
        chosen = next((each for each in list_recorders(connection, user_id) if each.name == name), None)
        if chosen is None:
            raise Refused(f"{user_name} has no recorder {name!r}.")
        webhook_token = rotate_webhook_token(connection, user_id, chosen.id, TokenCipher(settings.secret_key))
    click.echo(webhook_url(settings.port, str(webhook_token)))


def make_password() -> str:
    """Make up a password that can be typed: four groups of six hexadecimal digits, 96 random bits."""
    return "-".join(secrets.token_hex(3) for _ in range(4))


def _user_id(connection: "Connection", name: str) -> int:
    from shared.store.users import find_user_by_name

    found = find_user_by_name(connection, name)
    if found is None:
        raise Refused(f"There is no user {name!r}.")
    return found.id


def _json_object(path: Path) -> dict[str, Any]:
    from decimal import Decimal

    try:
        read = json.loads(path.read_text(), parse_float=Decimal)
    except ValueError as error:
        raise Refused(f"{path} is not JSON: {error}.") from error
    if not isinstance(read, dict):
        raise Refused(f"{path} is not a JSON object of settings.")
    return read
