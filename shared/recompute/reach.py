"""From where a recorder has to be recomputed when something of its past changes, and whether the logs reach so far."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import dropwhile

from shared.domain.ticks import PriceTick
from shared.recompute.starts import Start, by_ticker, is_whole, opened_by
from shared.recompute.tape import WholeTape
from shared.store.audit_rows import Opening
from shared.store.signals import LoggedSignal
from shared.store.voiding import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Signals and ticks, by their places and with the ticks' symbols, that are in the logs now or no longer are."""

    signals: Sequence[LoggedSignal]
    ticks: Mapping[int, str]

    def symbols(self, openings: Collection[Opening]) -> set[str]:
        """The symbols whose prices are needed: of a close-all every one that was traded."""
        named = {signal.ticker for signal in self.signals if signal.ticker is not None} | set(self.ticks.values())
        if any(signal.ticker is None for signal in self.signals):
            return named | {opening.ticker for opening in openings}
        return named


def find_starts_at(moment: Moment, openings: Collection[Opening], tape: WholeTape) -> dict[str, Start]:
    """Part each symbol's positions at the first one that may not have been closed by then, and whose ticks are there.

    A symbol that holds one whose ticks are gone begins with the next one, if there is one.
    """
    starts = {}
    for ticker, positions in by_ticker(openings).items():
        held = [each for each in positions if each.through >= moment.place]
        whole = list(dropwhile(lambda each: not is_whole(each, tape), held))
        sequence = min(moment.sequence, opened_by(whole)) if len(whole) == len(held) else opened_by(whole)
        skipped = positions[: len(positions) - len(whole)]
        starts[ticker] = Start(skipped=skipped, checked=whole, sequence=sequence)
    return starts


def is_in_reach(change: Change, moment: Moment, openings: Collection[Opening], tape: WholeTape) -> bool:
    """Tell whether the logs have all ticks of what is concerned, from the last moment on at which it was flat."""
    concerned = change.symbols(openings)
    held = [each for each in openings if each.ticker in concerned and each.through >= moment.place]
    return (
        all(is_whole(each, tape) for each in held)
        and all(_is_there(symbol, place, tape) for place, symbol in change.ticks.items())
        and all(_has_its_ticks(signal, tape) for signal in change.signals)
    )


def _is_there(symbol: str, place: int, tape: WholeTape) -> bool:
    return any(isinstance(entry, PriceTick) for entry in tape.entries(symbol, after=place - 1, through=place))


def _has_its_ticks(signal: LoggedSignal, tape: WholeTape) -> bool:
    if signal.ticker is None or signal.place is None:
        return True
    return tape.is_whole_after(signal.ticker, signal.place, signal.market_price)
