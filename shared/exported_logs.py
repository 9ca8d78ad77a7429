"""A recorder's two logs and its settings as `recorder replay` reads them, with all that decided what came of them."""

import csv
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import redis
from sqlalchemy import Connection

from shared.bus.tick_log import read_entries
from shared.domain.acceptance import accept_signal
from shared.domain.contracts import Contract
from shared.domain.corrections import parse_correction
from shared.domain.duplicates import duplicate_window_seconds
from shared.domain.numbers import plain
from shared.domain.places import stream_id
from shared.domain.recorder_settings import RecorderSettings, settings_as_json
from shared.domain.refusals import SignalRefused
from shared.domain.signals import parse_signal
from shared.domain.symbols import UnknownSymbol, normalize_symbol
from shared.domain.ticks import GapMark, LogEntry, PriceTick
from shared.domain.timestamps import format_timestamp, from_datetime
from shared.replay import KeptBodies, ReplaySignal, rules_of
from shared.replay_settings import ReplayRecorder, read_recorders
from shared.store.contracts import contracts_in_force, load_contracts
from shared.store.recorders import Recorder
from shared.store.settings_versions import load_settings_versions
from shared.store.signals import CORRECTION, MANUAL, LoggedSignal, load_log

TIME_DIGITS = 6
COLUMNS = ("time", "symbol", "price", "bid", "ask", "size", "id", "gap_seconds", "roll")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedLogs:
    """What the three files say: log entries in their order, the lines of signals, the settings."""

    entries: Sequence[LogEntry]
    signals: Sequence[Json]
    settings: Json


def collect_logs(connection: Connection, log: redis.Redis, recorder: Recorder) -> ExportedLogs:
    """Read a recorder's logs: its signals that are applied, and what is left of the ticks of their symbols."""
    signals = load_log(connection, recorder.id)
    settings = _settings(connection, recorder, signals)
    contracts = load_contracts(connection, {each.contract_id for each in signals if each.contract_id is not None})
    (as_replayed,) = read_recorders(settings["recorders"])
    symbols = sorted({signal.ticker for signal in signals if signal.ticker})
    entries = [entry for symbol in symbols for entry in read_entries(log, symbol, after=0)]
    return ExportedLogs(
        entries=sorted(entries, key=lambda entry: entry.place),
        signals=list(_lines(signals, recorder, as_replayed, contracts)),
        settings=settings,
    )


def write_logs(logs: ExportedLogs, directory: Path) -> None:
    """Write ticks.csv, signals.jsonl and settings.json."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "ticks.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(map(_tick, logs.entries))
    with (directory / "signals.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(line)}\n" for line in logs.signals)
    (directory / "settings.json").write_text(json.dumps(logs.settings, indent=1) + "\n", encoding="utf-8")


def _tick(entry: LogEntry) -> Json:
    row: Json = {
        "time": format_timestamp(entry.occurred_at, TIME_DIGITS),
        "symbol": entry.symbol,
        "id": stream_id(entry.place),
    }
    if isinstance(entry, PriceTick):
        return row | {"price": entry.price, "bid": entry.bid, "ask": entry.ask, "size": entry.size}
    return row | ({"gap_seconds": entry.gap_seconds} if isinstance(entry, GapMark) else {"roll": entry.difference})


def _settings(connection: Connection, recorder: Recorder, signals: Iterable[LoggedSignal]) -> Json:
    """The settings in force, and beside them each version under which signals were accepted before."""
    known = contracts_in_force(connection, recorder.user_id).by_root
    now = from_datetime(recorder.updated_at)
    stated = _with_contract(recorder.settings, known, now)
    used = sorted({signal.settings_id for signal in signals} - {recorder.settings_id})
    versions = load_settings_versions(connection, used) if used else {}
    if versions:
        stated["versions"] = [{"version": each, **_with_contract(versions[each], known, now)} for each in used]
    return {"recorders": [stated]}


def _with_contract(settings: RecorderSettings, known: Mapping[str, Contract], now: int) -> Json:
    stated: Json = settings_as_json(settings)
    if settings.symbol is None:
        return stated
    try:
        contract = normalize_symbol(settings.symbol, occurred_at=now, contracts=known).contract
    except UnknownSymbol:
        return stated
    facts = {"tick_size": plain(contract.tick_size), "multiplier": plain(contract.multiplier)}
    return stated | {"contract": facts | {"currency": contract.currency}}


def _lines(
    signals: Iterable[LoggedSignal], recorder: Recorder, as_replayed: ReplayRecorder, contracts: Mapping[int, Contract]
) -> Iterator[Json]:
    """Say of each signal what its body, the settings and the signals before it do not say already."""
    place = 0
    kept = KeptBodies()
    lines: dict[int, int] = {}
    for number, signal in enumerate(signals, start=1):
        place = place if signal.place is None else signal.place
        lines[signal.id] = number
        if signal.signal_type == CORRECTION:
            yield _correction_line(signal, recorder, place, lines)
            continue
        in_force = signal.settings_id == recorder.settings_id
        read = ReplaySignal(
            line=number,
            recorder=recorder.name,
            occurred_at=from_datetime(signal.received_at),
            place=place,
            body=signal.raw_data.decode("utf-8", "surrogateescape"),
            settings=None if in_force else str(signal.settings_id),
            is_manual=signal.signal_type == MANUAL,
        )
        own = None if signal.contract_id is None else contracts[signal.contract_id]
        yield _line(read) | _unlike_others(read, as_replayed, kept, own)


def _correction_line(signal: LoggedSignal, recorder: Recorder, place: int, lines: Mapping[int, int]) -> Json:
    """Say what a correction voids, signals by their lines, and how far it could be carried out."""
    correction = parse_correction(signal.raw_data, id=signal.id)
    void: Json
    if correction.tick_place is None:
        void = {"signal": lines.get(correction.signal_id or 0, lines[signal.id])}
    else:
        void = {"tick": stream_id(correction.tick_place), "symbol": correction.symbol}
    void |= {"marked": True} if signal.marked else {}
    void |= {"refused": signal.reason} if signal.status == "rejected" else {}
    line = {"time": format_timestamp(from_datetime(signal.received_at), TIME_DIGITS), "recorder": recorder.name}
    return line | {"after": stream_id(place), "void": void}


def _line(signal: ReplaySignal) -> Json:
    line: Json = {
        "time": format_timestamp(signal.occurred_at, TIME_DIGITS),
        "recorder": signal.recorder,
        "after": stream_id(signal.place),
        "body": signal.body,
    }
    if signal.settings is not None:
        line["settings"] = int(signal.settings)
    return line | ({"manual": True} if signal.is_manual else {})


def _unlike_others(signal: ReplaySignal, recorder: ReplayRecorder, kept: KeptBodies, contract: Contract | None) -> Json:
    """What a replay would take for something else: a contract of its own, a body that only looks like a duplicate."""
    rules = rules_of(signal, recorder)
    said: Json = {}
    try:
        read = parse_signal(signal.body)
        if kept.first_of(signal, duplicate_window_seconds(read, rules.settings)):
            said["kept"] = True
        accepted = accept_signal(
            read, rules.settings, received_at=signal.occurred_at, contracts=rules.contracts
        ).instrument
    except SignalRefused:
        accepted = None
    if contract and not (accepted and _facts(accepted.contract) == _facts(contract)):
        said["contract"] = {name: str(value) for name, value in asdict(contract).items()}
    return said


def _facts(contract: Contract) -> Collection[object]:
    return contract.root, contract.kind, contract.tick_size, contract.multiplier, contract.currency
