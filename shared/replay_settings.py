"""The recorders of a replay: settings in force, versions that were in force before, contracts; no files, no folding."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.contracts_file import packaged_contracts
from shared.domain.contracts import Contract, parse_contract
from shared.domain.recorder_settings import RecorderSettings, SettingsRefused, parse_recorder_settings
from shared.domain.refusals import ValueRefused
from shared.domain.symbols import MONTH_CODES

BESIDE_SETTINGS = ("contract", "version", "versions")

_FUTURE_SYMBOL = re.compile(rf"([A-Z0-9]+?)(?:[1-9]!|[{MONTH_CODES}][0-9]{{1,4}})")

Contracts = Mapping[str, Contract]


class ReplayRefused(ValueError):
    """The settings of a replay contradict themselves; the message names the recorder and the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds for a signal: its recorder's settings, and the contracts by root."""

    settings: RecorderSettings
    contracts: Contracts


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRecorder:
    """A recorder with the rules in force, and those under which some of its signals were accepted, by version."""

    name: str
    in_force: Rules
    versions: Mapping[str, Rules]

    def rules(self, version: str | None) -> Rules | None:
        """Return the rules of a version, or without one those in force; None for an unknown one."""
        return self.in_force if version is None else self.versions.get(version)


def read_recorders(recorders: Iterable[Mapping[str, Any]]) -> list[ReplayRecorder]:
    """Read recorders as a settings file has them; raises ReplayRefused.

    The contract that a recorder brings holds for all, that of a version for the signals of this version.
    """
    contracts = dict(packaged_contracts())
    settings: list[RecorderSettings] = []
    stated = list(recorders)
    for index, recorder in enumerate(stated, start=1):
        each, own = _read(recorder, f"recorder {index}")
        contracts.update(own)
        if each.name in {other.name for other in settings}:
            message = f"recorder {index}: name: {each.name!r} stands there twice"
            raise ReplayRefused(message)
        settings.append(each)
    return [
        ReplayRecorder(
            name=each.name,
            in_force=Rules(settings=each, contracts=contracts),
            versions=_read_versions(recorder.get("versions", ()), contracts, f"recorder {index}"),
        )
        for index, (each, recorder) in enumerate(zip(settings, stated, strict=True), start=1)
    ]


def _read_versions(versions: object, contracts: Contracts, place: str) -> dict[str, Rules]:
    if not isinstance(versions, list | tuple) or not all(isinstance(each, Mapping) for each in versions):
        message = f'{place}: versions: must be [{{"version": ..., "name": ...}}]'
        raise ReplayRefused(message)
    read: dict[str, Rules] = {}
    for index, version in enumerate(versions, start=1):
        at = f"{place}, version {index}"
        number = str(version.get("version", ""))
        if not number or number in read:
            message = f"{at}: version: {'stands there twice' if number else 'is missing'}"
            raise ReplayRefused(message)
        settings, own = _read(version, at)
        read[number] = Rules(settings=settings, contracts={**contracts, **own})
    return read


def _read(stated: Mapping[str, Any], place: str) -> tuple[RecorderSettings, Contracts]:
    try:
        settings = parse_recorder_settings({k: value for k, value in stated.items() if k not in BESIDE_SETTINGS})
        if "contract" not in stated:
            return settings, {}
        contract = _own_contract(settings.symbol, stated["contract"])
    except (SettingsRefused, ValueRefused) as refusal:
        message = f"{place}: {refusal}"
        raise ReplayRefused(message) from refusal
    return settings, {contract.root: contract}


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
