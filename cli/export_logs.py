"""`recorder export-logs`: a recorder's two logs and its settings, as `recorder replay` reads them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.environment import data_option, open_database, settings_for
from cli.refusals import Refused

if TYPE_CHECKING:
    from shared.store.database import Connection
    from shared.store.recorders import Recorder


@click.command("export-logs")
@click.option("--recorder", "name", required=True, metavar="NAME", help="Which recorder.")
@click.option("--user", "user_name", metavar="NAME", help="Whose recorder it is, where several have one of that name.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where to write.")
@data_option
def export_logs(name: str, user_name: str | None, out: Path, data: Path) -> None:
    """Write ticks.csv, signals.jsonl and settings.json of a recorder, each entry with its place."""
    from shared.bus.connection import connect_redis
    from shared.exported_logs import collect_logs, write_logs

    log = connect_redis(settings_for(data).redis_url, retries=True)
    with open_database(data) as connection:
        logs = collect_logs(connection, log, only_recorder(connection, name, user_name))
    write_logs(logs, out)
    click.echo(f"{len(logs.entries)} ticks and {len(logs.signals)} signals written to {out}")


def only_recorder(connection: "Connection", name: str, user_name: str | None) -> "Recorder":
    """Find the one recorder of this name, of one user or of all."""
    from shared.store.recorders import find_recorders_named

    found = find_recorders_named(connection, name, user_name)
    if not found:
        raise Refused(f"There is no recorder {name!r}.")
    if len(found) > 1:
        raise Refused(f"Several users have a recorder {name!r}: add --user.")
    return found[0]
