"""From where on a recorder's positions can be recomputed: while all ticks since their opening are in the log."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.audit_tape import AuditTape
from shared.store.audit_rows import Opening

NEVER = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A symbol's positions in their order: those whose ticks are gone, and those that can be checked."""

    skipped: Sequence[Opening] = ()
    checked: Sequence[Opening] = ()

    @property
    def sequence(self) -> int:
        """The number of the signal with which the recomputing begins, flat; 0 for the first one there is."""
        if not self.skipped:
            return 0
        return (self.checked[0].sequence or 0) if self.checked else NEVER


WHOLE = Start()


def find_starts(openings: Iterable[Opening], tape: AuditTape) -> dict[str, Start]:
    """Part each symbol's positions."""
    by_ticker: dict[str, list[Opening]] = defaultdict(list)
    for opening in openings:
        by_ticker[opening.ticker].append(opening)
    starts = {}
    for ticker, positions in by_ticker.items():
        first = next((i for i, each in enumerate(positions) if _is_whole(each, tape)), len(positions))
        starts[ticker] = Start(skipped=positions[:first], checked=positions[first:])
    return starts


def needed_positions(starts: Mapping[str, Start]) -> list[int]:
    """Those to check, and of each symbol the one before, which a reversal may have closed."""
    needed = [opening for start in starts.values() for opening in (*start.skipped[-1:], *start.checked)]
    return [opening.position_id for opening in needed]


def first_sequence(starts: Mapping[str, Start]) -> int:
    """The number of the first signal that is needed."""
    return min((start.sequence for start in starts.values()), default=0)


def _is_whole(opening: Opening, tape: AuditTape) -> bool:
    return opening.place is not None and tape.is_whole_after(opening.ticker, opening.place, opening.market_price)
