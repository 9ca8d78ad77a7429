"""From where on a recorder's positions can be recomputed: while all ticks since their opening are in the log."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.recompute.tape import LogExtent, WholeTape
from shared.store.audit_rows import Opening

NEVER = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A symbol's positions in their order: those that are let be, and those that are recomputed.

    `sequence` is the number of the signal with which the recomputing begins, flat; 0 for the first one there is.
    """

    skipped: Sequence[Opening] = ()
    checked: Sequence[Opening] = ()
    sequence: int = 0


WHOLE = Start()


def find_starts(openings: Iterable[Opening], tape: WholeTape) -> dict[str, Start]:
    """Part each symbol's positions at the first one whose ticks are all there."""
    starts = {}
    for ticker, positions in by_ticker(openings).items():
        first = next((i for i, each in enumerate(positions) if is_whole(each, tape)), len(positions))
        sequence = 0 if first == 0 else opened_by(positions[first:])
        starts[ticker] = Start(skipped=positions[:first], checked=positions[first:], sequence=sequence)
    return starts


def by_ticker(openings: Iterable[Opening]) -> Mapping[str, Sequence[Opening]]:
    """Sort positions by their symbols."""
    found: dict[str, list[Opening]] = defaultdict(list)
    for opening in openings:
        found[opening.ticker].append(opening)
    return found


def opened_by(positions: Sequence[Opening]) -> int:
    """The number of the signal that opened the first of some positions; without one no signal's."""
    return (positions[0].sequence or 0) if positions else NEVER


def is_whole(opening: Opening, tape: WholeTape | LogExtent) -> bool:
    """Tell whether all ticks since a position's opening are in the log."""
    return opening.place is not None and tape.is_whole_after(opening.ticker, opening.place, opening.market_price)


def needed_positions(starts: Mapping[str, Start]) -> list[int]:
    """Those to check, and of each symbol the one before, which a reversal may have closed."""
    needed = [opening for start in starts.values() for opening in (*start.skipped[-1:], *start.checked)]
    return [opening.position_id for opening in needed]


def first_sequence(starts: Mapping[str, Start]) -> int:
    """The number of the first signal that is needed."""
    return min((start.sequence for start in starts.values()), default=0)
