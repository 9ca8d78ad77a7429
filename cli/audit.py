"""`recorder audit`: what the database says of positions, compared with what their logs say."""

import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import click

from cli.environment import data_option, open_database, settings_for
from cli.refusals import Refused

if TYPE_CHECKING:
    from shared.audit import AuditedRecord
    from shared.recompute.comparison import Difference

SECONDS_BETWEEN_SIGNS_OF_LIFE = 2.0


@click.command()
@click.option("--recorder", "name", metavar="NAME", help="Which recorder; all if not given.")
@click.option("--user", "user_name", metavar="NAME", help="Whose recorders.")
@data_option
def audit(name: str | None, user_name: str | None, data: Path) -> None:
    """Compute every position again from the two logs and print what the database has otherwise.

    Positions whose ticks are not all in the log any more are counted, not checked. Ends with 1 if anything differs.
    """
    from shared.audit import audit_recorders
    from shared.bus.connection import connect_redis
    from shared.store.audit_rows import begin_snapshot, recorders_to_audit

    log = connect_redis(settings_for(data).redis_url, retries=True)
    counts: Counter[str] = Counter(recorders=0, checked=0, skipped=0, differences=0)
    with open_database(data) as connection:
        begin_snapshot(connection)
        recorders = recorders_to_audit(connection, name, user_name)
        if not recorders and (name or user_name):
            raise Refused(f"There is no recorder {name!r}." if name else f"User {user_name!r} has no recorder.")
        told_at = monotonic()
        for record in audit_recorders(connection, log, recorders):
            _print(record)
            counts.update(
                recorders=1, checked=record.checked, skipped=record.skipped, differences=len(record.differences)
            )
            if monotonic() - told_at > SECONDS_BETWEEN_SIGNS_OF_LIFE:
                told_at = monotonic()
                click.echo(f"{counts['recorders']} of {len(recorders)} recorders", err=True)
    click.echo(
        f"{counts['recorders']} recorders, {counts['checked']} positions checked,"
        f" {counts['skipped']} skipped because their ticks are gone, {counts['differences']} differences"
    )
    sys.exit(1 if counts["differences"] else 0)


def _print(record: "AuditedRecord") -> None:
    for each in record.differences:
        click.echo(_line(record.recorder.name, each))


def _line(recorder: str, difference: "Difference") -> str:
    position = "no position" if difference.position_id is None else f"position {difference.position_id}"
    said = f"{_text(difference.stored)} in the database, {_text(difference.recomputed)} recomputed"
    return f"{recorder}, {difference.symbol or 'no symbol'}, {position}, {difference.field}: {said}"


def _text(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else " ".join(str(value).split())
