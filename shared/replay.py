"""What the recorder would have recorded: the fold over two parsed logs, no server; reading files is not done here."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.contracts_file import packaged_contracts
from shared.domain.acceptance import accept_body
from shared.domain.application import AcceptedSignal, Applied
from shared.domain.contracts import Contract, parse_contract
from shared.domain.fold import RecorderFold
from shared.domain.recorder_settings import RecorderSettings, SettingsRefused, parse_recorder_settings
from shared.domain.refusals import SignalRefused, ValueRefused
from shared.domain.symbols import MONTH_CODES
from shared.domain.tape import MemoryTape
from shared.domain.ticks import LogEntry
from shared.replay_report import Report, describe_recorder

_FUTURE_SYMBOL = re.compile(rf"([A-Z0-9]+?)(?:[1-9]!|[{MONTH_CODES}][0-9]{{1,4}})")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySignal:
    """One line of a signals file: accepted at `occurred_at` (ns, UTC), after the tick at `place`."""

    line: int
    recorder: str
    occurred_at: int
    place: int
    body: str


class ReplayRefused(ValueError):
    """The input of a replay contradicts itself; the message names the recorder or line and the field."""


def replay(
    recorders: Sequence[Mapping[str, Any]],
    ticks: Iterable[LogEntry],
    signals: Sequence[ReplaySignal],
    *,
    time_digits: int = 9,
) -> Report:
    """Fold the logs and return the output of `recorder replay`, times with `time_digits` decimals.

    `recorders` are settings as in a settings file; raises ReplayRefused where they or a signal's recorder are wrong.
    """
    settings, contracts = _read_recorders(recorders)
    tape = MemoryTape()
    for entry in ticks:
        tape.append(entry)
    report: Report = {"signals": [], "trades": [], "positions": []}
    for each in settings:
        own = [signal for signal in signals if signal.recorder == each.name]
        fold, refused = _fold_recorder(each, own, contracts, tape)
        describe_recorder(report, each.name, fold, refused, time_digits)
    unknown = [signal for signal in signals if signal.recorder not in {each.name for each in settings}]
    if unknown:
        message = f"line {unknown[0].line}: recorder: {unknown[0].recorder!r} is not in the settings"
        raise ReplayRefused(message)
    report["signals"].sort(key=lambda signal: signal["line"])
    return report


def _fold_recorder(
    settings: RecorderSettings, signals: Iterable[ReplaySignal], contracts: Mapping[str, Contract], tape: MemoryTape
) -> tuple[RecorderFold, list[tuple[int, Applied]]]:
    fold = RecorderFold((), {}, tape)
    refused = []
    for signal in signals:
        try:
            fold.apply(_accept(signal, settings, contracts))
        except SignalRefused as refusal:
            refused.append((signal.line, Applied(status="rejected", reason=refusal.reason)))
    for symbol in list(fold.positions):
        fold.advance(symbol, tape.last_place(symbol))
    return fold, refused


def _accept(signal: ReplaySignal, settings: RecorderSettings, contracts: Mapping[str, Contract]) -> AcceptedSignal:
    acceptance = accept_body(signal.body, settings, received_at=signal.occurred_at, contracts=contracts)
    instrument = acceptance.instrument
    return AcceptedSignal(
        id=signal.line,
        signal=acceptance.signal,
        symbol=instrument.symbol if instrument else None,
        contract=instrument.contract if instrument else None,
        settings=settings,
        place=signal.place,
        occurred_at=signal.occurred_at,
    )


def _read_recorders(
    recorders: Iterable[Mapping[str, Any]],
) -> tuple[list[RecorderSettings], Mapping[str, Contract]]:
    contracts = dict(packaged_contracts())
    settings: list[RecorderSettings] = []
    for index, recorder in enumerate(recorders, start=1):
        own = {name: value for name, value in recorder.items() if name != "contract"}
        try:
            each = parse_recorder_settings(own)
            if "contract" in recorder:
                contract = _own_contract(each.symbol, recorder["contract"])
                contracts[contract.root] = contract
        except (SettingsRefused, ValueRefused) as refusal:
            message = f"recorder {index}: {refusal}"
            raise ReplayRefused(message) from refusal
        if each.name in {other.name for other in settings}:
            message = f"recorder {index}: name: {each.name!r} stands there twice"
            raise ReplayRefused(message)
        settings.append(each)
    return settings, contracts


def _own_contract(symbol: str | None, facts: object) -> Contract:
    """Read a recorder's own contract, which holds for the root of its symbol."""
    if symbol is None or not isinstance(facts, Mapping):
        raise ValueRefused("contract: needs a symbol beside it and tick_size, multiplier and currency in it")
    unknown = set(facts) - {"tick_size", "multiplier", "currency"}
    if unknown:
        message = f"contract: {min(unknown)} is not one of tick_size, multiplier, currency"
        raise ValueRefused(message)
    name = symbol.strip().upper().rpartition(":")[2]
    future = _FUTURE_SYMBOL.fullmatch(name)
    known = packaged_contracts().get(name)
    row = {
        "root": future[1] if future else name,
        "kind": "future" if future or (known and known.kind == "future") else "spot",
        "exchange": known.exchange if known else "OWN",
        "name": known.name if known else name,
        "tick_size": str(facts.get("tick_size", "")),
        "multiplier": str(facts.get("multiplier", "")),
        "currency": str(facts.get("currency", "USD")),
    }
    try:
        return parse_contract(row)
    except ValueRefused as refusal:
        message = f"contract: {refusal}"
        raise ValueRefused(message) from refusal
