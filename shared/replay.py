"""What the recorder would have recorded: the fold over two parsed logs, no server; reading files is not done here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.acceptance import accept_signal
from shared.domain.application import AcceptedSignal, Applied
from shared.domain.contracts import Contract
from shared.domain.corrections import VOIDED, Correction, CorrectionLog, Voids
from shared.domain.duplicates import duplicate_window_seconds
from shared.domain.fold import RecorderFold
from shared.domain.refusals import SignalRefused
from shared.domain.signals import Signal, parse_signal
from shared.domain.tape import MemoryTape
from shared.domain.ticks import LogEntry
from shared.domain.timestamps import NS_PER_SECOND
from shared.replay_report import Report, describe_recorder
from shared.replay_settings import ReplayRecorder, ReplayRefused, Rules, read_recorders

__all__ = ["KeptBodies", "LineRefused", "ReplayRefused", "ReplaySignal", "replay", "rules_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySignal:
    """One line of a signals file: accepted at `occurred_at` (ns, UTC), after the tick at `place`.

    `compared_as` stands for the body where equal ones are looked for, if that is not its text. `settings` is the
    version of the recorder's settings that it was accepted under, None: those in force. `contract` is that of its
    symbol, where it is not the one that the settings lead to. One that `is_manual` was given by hand; one that
    `is_kept` is no duplicate, whatever it looks like. A `correction` has no body.
    """

    line: int
    recorder: str
    occurred_at: int
    place: int
    body: str
    compared_as: str | None = None
    settings: str | None = None
    contract: Contract | None = None
    is_manual: bool = False
    is_kept: bool = False
    correction: Correction | None = None


class LineRefused(ReplayRefused):
    """A line of the signals refers to what the settings do not have; the message names line and field."""


class KeptBodies:
    """The bodies of one recorder that were kept, so that those sent again are known; as intake does it with rows."""

    def __init__(self) -> None:
        self._first: dict[str, ReplaySignal] = {}

    def first_of(self, signal: ReplaySignal, window_seconds: int) -> ReplaySignal | None:
        """Return the signal that this one is the duplicate of; a signal that is none is kept."""
        if window_seconds == 0 or signal.is_manual or signal.is_kept:
            return None
        body = signal.body if signal.compared_as is None else signal.compared_as
        first = self._first.get(body)
        if first and abs(signal.occurred_at - first.occurred_at) <= window_seconds * NS_PER_SECOND:
            return first
        self._first[body] = signal
        return None


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
    known = read_recorders(recorders)
    tape = MemoryTape()
    for entry in ticks:
        tape.append(entry)
    report: Report = {"signals": [], "trades": [], "positions": []}
    for each in known:
        own = [signal for signal in signals if signal.recorder == each.name]
        fold, unapplied, voids = _fold_recorder(each, own, tape)
        describe_recorder(report, each.name, fold, unapplied, time_digits, left_out=voids.marked)
    unknown = [signal for signal in signals if signal.recorder not in {each.name for each in known}]
    if unknown:
        message = f"line {unknown[0].line}, recorder: {unknown[0].recorder!r} is not in the settings"
        raise LineRefused(message)
    report["signals"].sort(key=lambda signal: signal["line"])
    return report


def rules_of(signal: ReplaySignal, recorder: ReplayRecorder) -> Rules:
    """Return the settings and contracts that hold for a signal; raises LineRefused for a version that is not there."""
    rules = recorder.rules(signal.settings)
    if rules is None:
        message = f"line {signal.line}, settings: {signal.settings} is no version of {recorder.name!r} in the settings"
        raise LineRefused(message)
    if signal.contract is None:
        return rules
    return Rules(settings=rules.settings, contracts={**rules.contracts, signal.contract.root: signal.contract})


def _fold_recorder(
    recorder: ReplayRecorder, signals: Sequence[ReplaySignal], tape: MemoryTape
) -> tuple[RecorderFold, list[tuple[int, Applied]], Voids]:
    corrections = CorrectionLog()
    unapplied = [(each.line, corrections.add(each.correction)) for each in signals if each.correction]
    voids = corrections.voids
    tape = tape.without(voids.ticks)
    fold = RecorderFold((), {}, tape)
    kept = KeptBodies()
    for signal in signals:
        if signal.correction is None:
            refused = _apply(signal, rules_of(signal, recorder), fold, kept, is_void=signal.line in voids.signals)
            unapplied += [(signal.line, refused)] if refused else []
    for symbol in list(fold.positions):
        fold.advance(symbol, tape.last_place(symbol))
    return fold, unapplied, voids


def _apply(
    signal: ReplaySignal, rules: Rules, fold: RecorderFold, kept: KeptBodies, *, is_void: bool
) -> Applied | None:
    """Apply a signal; what became of it where it does not get that far."""
    try:
        read = parse_signal(signal.body)
        first = kept.first_of(signal, duplicate_window_seconds(read, rules.settings))
        if first is not None:
            return Applied(status="ignored", reason=f"duplicate of line {first.line}")
        accepted = _accept(signal, read, rules)
    except SignalRefused as refusal:
        return Applied(status="rejected", reason=refusal.reason)
    if is_void:
        return Applied(status="ignored", reason=VOIDED)
    fold.apply(accepted)
    return None


def _accept(signal: ReplaySignal, read: Signal, rules: Rules) -> AcceptedSignal:
    acceptance = accept_signal(read, rules.settings, received_at=signal.occurred_at, contracts=rules.contracts)
    instrument = acceptance.instrument
    return AcceptedSignal(
        id=signal.line,
        signal=acceptance.signal,
        symbol=instrument.symbol if instrument else None,
        contract=instrument.contract if instrument else None,
        settings=rules.settings,
        place=signal.place,
        occurred_at=signal.occurred_at,
        is_manual=signal.is_manual,
    )
