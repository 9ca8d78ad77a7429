"""One recorder folded again from its logs, beside what the database has of it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from shared.domain.fold import advance
from shared.domain.position import Position
from shared.domain.ticks import LogEntry, PriceTick
from shared.recompute.comparison import (
    Difference,
    missing_position,
    position_differences,
    signal_differences,
    trade_differences,
    unknown_position,
)
from shared.recompute.record import StoredRecord
from shared.recompute.refold import Refold
from shared.recompute.starts import WHOLE, Start
from shared.recompute.tape import WholeTape
from shared.store.audit_rows import RecordedPosition


def audit_record(record: StoredRecord, starts: Mapping[str, Start], tape: WholeTape) -> list[Difference]:
    """Compare a recorder's record with its logs."""
    refold = Refold(record, starts, tape, record.corrections)
    differences = [each for signal in record.signals for each in signal_differences(signal, refold.apply(signal))]
    audit = _RecordAudit(record, refold, tape)
    for ticker in sorted({*starts, *refold.tickers}):
        differences += audit.compare(ticker, starts.get(ticker, WHOLE))
    return differences


class _RecordAudit:
    """A recorder's positions, recomputed up to its last signal, beside their rows."""

    def __init__(self, record: StoredRecord, refold: Refold, tape: WholeTape) -> None:
        self._record, self._refold, self._tape = record, refold, tape

    def compare(self, ticker: str, start: Start) -> Iterator[Difference]:
        """Take the last position of a symbol to where its row is, and compare all of them."""
        positions = self._refold.positions(ticker)
        before = positions[-1] if positions else None
        if start.checked:
            self._refold.advance(ticker, start.checked[-1].through)
        for opening, position in zip_longest(start.checked, self._refold.positions(ticker)):
            if opening is None:
                yield missing_position(ticker, position)
                continue
            recorded = self._record.recorded[opening.position_id]
            if position is None:
                yield unknown_position(recorded)
                continue
            yield from position_differences(recorded, position, self._record.contracts[recorded.row["contract_id"]])
            yield from trade_differences(recorded, self._as_written(recorded, before, position))

    def _as_written(
        self, recorded: RecordedPosition, before: Position | None, position: Position
    ) -> Sequence[Position]:
        """What the trades' rows may show: those of open lots stand as they were last written, a number of ticks ago."""
        lots = {lot.number: lot for lot in position.lots}
        row = next((trade for trade in recorded.trades if trade["status"] == "open" and trade["lot"] in lots), None)
        if row is None or before is None or not before.is_open:
            return [position]
        seen = row["ticks_seen"] + lots[row["lot"]].ticks_before
        entries = self._tape.entries(position.symbol, after=before.place, through=position.place)
        states = [
            each for each in _states_with(before, entries, seen) if each.stretch.number == position.stretch.number
        ]
        return states or [position]


def _states_with(position: Position, entries: Sequence[LogEntry], ticks_seen: int) -> Iterator[Position]:
    """The states in which a position has seen so many ticks: when the last one came, and after each mark behind it."""
    number, missing = 0, ticks_seen - position.ticks_seen
    while missing > 0 and number < len(entries):
        missing -= isinstance(entries[number], PriceTick)
        number += 1
    if missing:
        return
    position = advance(position, entries[:number])
    yield position
    for entry in entries[number:]:
        if not position.is_open or isinstance(entry, PriceTick):
            return
        position = advance(position, [entry])
        yield position
