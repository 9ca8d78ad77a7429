"""`recorder replay`: what the recorder would have recorded, from files alone."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.refusals import Refused

if TYPE_CHECKING:
    from shared.replay_report import Report

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option(
    "--ticks", type=FILE, required=True, help="CSV: time,symbol,price and optionally bid,ask,size,id,gap_seconds."
)
@click.option("--signals", type=FILE, required=True, help='A JSON object a line: {"time", "recorder", "body"}.')
@click.option("--settings", type=FILE, required=True, help='JSON: {"recorders": [{"name", "symbol", ...}]}.')
@click.option("--out", type=FILE, help="Where to write the result; standard output if not given.")
def replay(ticks: Path, signals: Path, settings: Path, out: Path | None) -> None:
    """Compute what the recorder would have recorded: signals, trades, positions, as JSON."""
    from shared.replay import LineRefused, ReplayRefused
    from shared.replay_files import ReplayFileError
    from shared.ticks_file import TicksFileError

    try:
        report = replay_files(ticks, signals, settings)
    except (ReplayFileError, TicksFileError) as error:
        raise Refused(str(error)) from error
    except LineRefused as error:
        raise Refused(f"{signals}, {error}") from error
    except ReplayRefused as error:
        raise Refused(f"{settings}: {error}") from error
    text = json.dumps(report, indent=1)
    if out is None:
        click.echo(text)
        return
    try:
        out.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise Refused(f"{out}: {error.strerror or error}") from error


def replay_files(ticks_path: Path, signals_path: Path, settings_path: Path) -> "Report":
    """Replay three files; raises TicksFileError, ReplayFileError, LineRefused or ReplayRefused."""
    from shared.contracts_file import packaged_contracts
    from shared.replay import replay as replay_logs
    from shared.replay_files import read_settings, read_signals, read_ticks

    settings = read_settings(settings_path)
    ticks = read_ticks(ticks_path, packaged_contracts())
    signals, digits = read_signals(signals_path, ticks)
    return replay_logs(settings, ticks.entries, signals, time_digits=max(digits, ticks.time_digits))
