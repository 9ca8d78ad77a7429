"""Whether a webhook body is a signal that some position could make sense of; what it does is decided later."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.actions import Action
from shared.domain.contracts import Contract
from shared.domain.interpretation import refusal_whatever_is_held
from shared.domain.recorder_settings import RecorderSettings
from shared.domain.refusals import SignalRefused
from shared.domain.signals import Signal, parse_signal
from shared.domain.symbols import ResolvedSymbol, UnknownSymbol, normalize_symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A signal and what it is about; a close-all without a symbol is about every open position."""

    signal: Signal
    instrument: ResolvedSymbol | None


def accept_body(
    body: bytes | str, settings: RecorderSettings, *, received_at: int, contracts: Mapping[str, Contract]
) -> Acceptance:
    """Read a body for a recorder, received at `received_at` (ns, UTC); raises SignalRefused with the reason."""
    return accept_signal(parse_signal(body), settings, received_at=received_at, contracts=contracts)


def accept_signal(
    signal: Signal, settings: RecorderSettings, *, received_at: int, contracts: Mapping[str, Contract]
) -> Acceptance:
    """Resolve a signal's symbol and refuse what no held position could make sense of; raises SignalRefused."""
    instrument = _instrument(signal, settings, received_at, contracts)
    refusal = refusal_whatever_is_held(signal, settings)
    if refusal:
        raise SignalRefused(refusal)
    return Acceptance(signal=signal, instrument=instrument)


def _instrument(
    signal: Signal, settings: RecorderSettings, received_at: int, contracts: Mapping[str, Contract]
) -> ResolvedSymbol | None:
    if signal.symbol_text is None and signal.action is Action.CLOSE_ALL:
        return None
    text = signal.symbol_text or settings.symbol
    if text is None:
        raise SignalRefused("symbol: neither the alert nor the recorder has one")
    try:
        return normalize_symbol(text, occurred_at=received_at, contracts=contracts)
    except UnknownSymbol as unknown:
        raise SignalRefused(str(unknown)) from unknown
