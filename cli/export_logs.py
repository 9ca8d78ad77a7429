"""`recorder export-logs`: a recorder's two logs and its settings, as `recorder replay` reads them."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.environment import data_option, open_database, settings_for
from cli.refusals import Refused

if TYPE_CHECKING:
    from shared.domain.contracts import Contract
    from shared.domain.ticks import LogEntry
    from shared.store.recorders import Recorder
    from shared.store.signals import LoggedSignal

TIME_DIGITS = 6
COLUMNS = ("time", "symbol", "price", "bid", "ask", "size", "id", "gap_seconds")


@click.command("export-logs")
@click.option("--recorder", "name", required=True, metavar="NAME", help="Which recorder.")
@click.option("--user", "user_name", metavar="NAME", help="Whose recorder it is, where several have one of that name.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where to write.")
@data_option
def export_logs(name: str, user_name: str | None, out: Path, data: Path) -> None:
    """Write ticks.csv, signals.jsonl and settings.json of a recorder, each entry with its place."""
    from shared.bus.connection import connect_redis
    from shared.bus.tick_log import read_entries
    from shared.store.contracts import contracts_in_force
    from shared.store.recorders import find_recorders_named
    from shared.store.signals import load_log

    with open_database(data) as connection:
        found = find_recorders_named(connection, name, user_name)
        if not found:
            raise Refused(f"There is no recorder {name!r}.")
        if len(found) > 1:
            raise Refused(f"Several users have a recorder {name!r}: add --user.")
        signals = load_log(connection, found[0].id)
        contracts = contracts_in_force(connection, found[0].user_id).by_root
    log = connect_redis(settings_for(data).redis_url, retries=True)
    symbols = sorted({signal.ticker for signal in signals if signal.ticker})
    entries = [entry for symbol in symbols for entry in read_entries(log, symbol, after=0)]
    out.mkdir(parents=True, exist_ok=True)
    _write_ticks(out / "ticks.csv", sorted(entries, key=lambda entry: entry.place))
    _write_signals(out / "signals.jsonl", name, signals)
    _write_settings(out / "settings.json", found[0], contracts)
    click.echo(f"{len(entries)} ticks and {len(signals)} signals written to {out}")


def _write_ticks(path: Path, entries: Iterable["LogEntry"]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(_tick(entry) for entry in entries)


def _tick(entry: "LogEntry") -> dict[str, object]:
    from shared.domain.places import stream_id
    from shared.domain.ticks import PriceTick
    from shared.domain.timestamps import format_timestamp

    row: dict[str, object] = {
        "time": format_timestamp(entry.occurred_at, TIME_DIGITS),
        "symbol": entry.symbol,
        "id": stream_id(entry.place),
    }
    if isinstance(entry, PriceTick):
        return row | {"price": entry.price, "bid": entry.bid, "ask": entry.ask, "size": entry.size}
    return row | {"gap_seconds": entry.gap_seconds}


def _write_signals(path: Path, recorder: str, signals: Iterable["LoggedSignal"]) -> None:
    from shared.domain.places import stream_id
    from shared.domain.timestamps import format_timestamp, from_datetime

    place = 0
    with path.open("w", encoding="utf-8") as file:
        for signal in signals:
            place = place if signal.place is None else signal.place
            line = {
                "time": format_timestamp(from_datetime(signal.received_at), TIME_DIGITS),
                "recorder": recorder,
                "after": stream_id(place),
                "body": signal.raw_data.decode("utf-8", "surrogateescape"),
            }
            file.write(f"{json.dumps(line)}\n")


def _write_settings(path: Path, recorder: "Recorder", contracts: Mapping[str, "Contract"]) -> None:
    from shared.domain.recorder_settings import settings_as_json
    from shared.domain.symbols import UnknownSymbol, normalize_symbol
    from shared.domain.timestamps import from_datetime

    settings: dict[str, Any] = settings_as_json(recorder.settings)
    if recorder.settings.symbol:
        received_at = from_datetime(recorder.created_at)
        try:
            contract = normalize_symbol(recorder.settings.symbol, occurred_at=received_at, contracts=contracts).contract
        except UnknownSymbol:
            contract = None
        if contract:
            settings["contract"] = {
                "tick_size": str(contract.tick_size),
                "multiplier": str(contract.multiplier),
                "currency": contract.currency,
            }
    path.write_text(json.dumps({"recorders": [settings]}, indent=1) + "\n", encoding="utf-8")
