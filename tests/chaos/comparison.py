"""Holds every row of the database against the replay of the two logs, field by field."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from redis import Redis
from sqlalchemy import Engine, select

from shared.bus.tick_log import read_entries, read_heads
from shared.domain.corrections import Correction, parse_correction
from shared.domain.timestamps import from_datetime
from shared.replay import ReplaySignal, replay
from shared.store.tables import recorded_signals, recorded_trades, recorder_positions, recorder_settings, recorders
from tests.trading import _position, _said, _sorted, _trade, _without

Json = dict[str, Any]
OWN_CONTRACT = {"EURUSD": {"tick_size": "0.000005", "multiplier": "100000", "currency": "USD"}}
SHOWN = 5
TIME_DIGITS = 6  # as rows have them


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What the database holds of the run, by recorder; signals in the order of their numbers, refused ones last."""

    names: Mapping[int, str]
    signal_counts: Mapping[int, int]
    settings: Mapping[int, Sequence[Json]]
    signals: Mapping[int, Sequence[Json]]
    trades: Mapping[int, Sequence[Json]]
    positions: Mapping[int, Sequence[Json]]
    all_signals: Sequence[Json]


def load_records(engine: Engine) -> Records:
    """Read all rows."""
    columns = recorded_signals.c
    with engine.connect() as connection:
        rows = {
            "recorders": connection.execute(select(recorders).order_by(recorders.c.id)),
            "settings": connection.execute(select(recorder_settings).order_by(recorder_settings.c.id)),
            "signals": connection.execute(select(recorded_signals).order_by(columns.sequence.nulls_last(), columns.id)),
            "trades": connection.execute(select(recorded_trades).order_by(recorded_trades.c.id)),
            "positions": connection.execute(select(recorder_positions).order_by(recorder_positions.c.id)),
        }
        read = {name: [dict(row) for row in result.mappings()] for name, result in rows.items()}
    return Records(
        names={row["id"]: row["name"] for row in read["recorders"]},
        signal_counts={row["id"]: row["signal_count"] for row in read["recorders"]},
        settings=_by_recorder(read["settings"]),
        signals=_by_recorder(read["signals"]),
        trades=_by_recorder(read["trades"]),
        positions=_by_recorder(read["positions"]),
        all_signals=read["signals"],
    )


def find_differences(records: Records, log: Redis) -> dict[str, list[str]]:
    """Say, by the recorder's name, where its rows are not what the replay of its logs gives."""
    ticks = [entry for symbol in read_heads(log).ticks for entry in read_entries(log, symbol, after=0)]
    signals = [signal for recorder_id in records.names for signal in _log(records, recorder_id)]
    stated = [_stated(records, recorder_id) for recorder_id in records.names]
    report = replay(stated, sorted(ticks, key=lambda entry: entry.place), signals, time_digits=TIME_DIGITS)
    replayed: dict[str, dict[str, list[Json]]] = {}
    for kind, rows in report.items():
        for row in rows:
            replayed.setdefault(row["recorder"], defaultdict(list))[kind].append(_without(row, "recorder"))
    found = {}
    for recorder_id, name in records.names.items():
        ours, theirs = _recorded(records, recorder_id), _described(replayed.get(name, defaultdict(list)))
        if differences := [line for kind in ours for line in _compared(kind, ours[kind], theirs[kind])]:
            found[name] = differences
    return found


def _recorded(records: Records, recorder_id: int) -> dict[str, list[Json]]:
    signals = records.signals.get(recorder_id, ())
    return {
        "signals": [_said(each["status"], each["reason"], each["note"]) for each in signals],
        "trades": _sorted(_trade(each) for each in records.trades.get(recorder_id, ()) if each["voided_by"] is None),
        "positions": _sorted(
            _position(each) for each in records.positions.get(recorder_id, ()) if each["voided_by"] is None
        ),
    }


def _described(replayed: Mapping[str, list[Json]]) -> dict[str, list[Json]]:
    return {
        "signals": [_said(each["status"], each["reason"], each.get("note")) for each in replayed["signals"]],
        "trades": _sorted(replayed["trades"]),
        "positions": _sorted(replayed["positions"]),
    }


def _compared(kind: str, ours: Sequence[Json], theirs: Sequence[Json]) -> Iterable[str]:
    if len(ours) != len(theirs):
        yield f"{kind}: {len(ours)} recorded, {len(theirs)} replayed"
    differing = [pair for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]]
    for recorded, replayed in differing[:SHOWN]:
        fields = [name for name in recorded if recorded[name] != replayed.get(name)]
        shown = ", ".join(f"{name} {recorded[name]} recorded, {replayed.get(name)} replayed" for name in fields)
        yield f"{kind}: {shown} (of {recorded})"
    if len(differing) > SHOWN:
        yield f"{kind}: {len(differing) - SHOWN} more"


def _log(records: Records, recorder_id: int) -> Iterable[ReplaySignal]:
    rows = [row for row in records.signals.get(recorder_id, ()) if row["status"] != "accepted"]
    lines = {row["id"]: _line(recorder_id, number) for number, row in enumerate(rows)}
    for row in rows:
        yield ReplaySignal(
            line=lines[row["id"]],
            recorder=records.names[recorder_id],
            occurred_at=from_datetime(row["received_at"]),
            place=row["place"] or 0,
            body=row["raw_data"].decode("utf-8", "surrogateescape"),
            settings=str(row["settings_id"]),
            is_manual=row["signal_type"] == "manual",
            is_kept=True,  # what was a duplicate left no row
            correction=_correction(row, lines) if row["signal_type"] == "correction" else None,
        )


def _line(recorder_id: int, number: int) -> int:
    return recorder_id * 1_000_000 + number


def _correction(row: Json, lines: Mapping[int, int]) -> Correction:
    refused = row["reason"] if row["status"] == "rejected" else None
    read = parse_correction(row["raw_data"], id=lines[row["id"]], marked=row["marked"], refused=refused)
    return read if read.signal_id is None else replace(read, signal_id=lines.get(read.signal_id, -1))


def _stated(records: Records, recorder_id: int) -> Json:
    versions = [_with_contract(row["settings"]) | {"version": str(row["id"])} for row in records.settings[recorder_id]]
    return _with_contract(records.settings[recorder_id][-1]["settings"]) | {"versions": versions}


def _with_contract(settings: Json) -> Json:
    contract = OWN_CONTRACT.get(settings["symbol"])
    return settings | ({"contract": contract} if contract else {})


def _by_recorder(rows: Iterable[Json]) -> dict[int, list[Json]]:
    grouped: dict[int, list[Json]] = defaultdict(list)
    for row in rows:
        grouped[row["recorder_id"]].append(row)
    return dict(grouped)
