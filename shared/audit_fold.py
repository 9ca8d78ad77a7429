"""One recorder folded again from its logs, beside what the database has of it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from shared.accepted_signals import read_accepted
from shared.audit_comparison import (
    Difference,
    missing_position,
    outcome_of,
    position_differences,
    signal_differences,
    trade_differences,
    unknown_position,
)
from shared.audit_filters import AuditedDays, Past
from shared.audit_starts import WHOLE, Start
from shared.audit_tape import AuditTape
from shared.domain.accounting import open_position
from shared.domain.application import AcceptedSignal
from shared.domain.contracts import Contract
from shared.domain.entry_filters import MAX_DAILY_LOSS
from shared.domain.exit_rules import ExitRules
from shared.domain.fold import RecorderFold, advance
from shared.domain.money import exact
from shared.domain.position import Position
from shared.domain.recorder_settings import RecorderSettings
from shared.domain.refusals import SignalRefused
from shared.domain.symbols import ResolvedSymbol
from shared.domain.ticks import LogEntry, PriceTick
from shared.domain.timestamps import from_datetime
from shared.domain.trades import ExitReason, Fill
from shared.store.audit_rows import Opening, RecordedPosition
from shared.store.position_rows import direction_of
from shared.store.signals import LoggedSignal


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordToAudit:
    """What the database has of one recorder; `recorded`, `settings` and `contracts` by id, of others too."""

    openings: Sequence[Opening]
    recorded: Mapping[int, RecordedPosition]
    signals: Sequence[LoggedSignal]
    settings: Mapping[int, RecorderSettings]
    contracts: Mapping[int, Contract]
    past: Past


def audit_record(record: RecordToAudit, starts: Mapping[str, Start], tape: AuditTape) -> list[Difference]:
    """Compare a recorder's record with its logs."""
    tape.known_prices = {
        (signal.ticker, signal.place): signal.market_price
        for signal in record.signals
        if signal.ticker is not None and signal.place is not None and signal.market_price is not None
    }
    audit = _RecordAudit(record, starts, tape)
    differences = [each for signal in record.signals for each in audit.apply(signal)]
    for ticker in sorted({*starts, *audit.tickers}):
        differences += audit.compare(ticker, starts.get(ticker, WHOLE))
    return differences


class _RecordAudit:
    """A recorder's fold on its way through the signals that can be recomputed."""

    def __init__(self, record: RecordToAudit, starts: Mapping[str, Start], tape: AuditTape) -> None:
        self._record, self._starts, self._tape = record, starts, tape
        self._fold = RecorderFold((), {}, tape, record.past.entries)
        self._days = AuditedDays(record.past, [opening for start in starts.values() for opening in start.skipped])
        self._begun: set[str] = set()
        self._stand_ins: set[str] = set()

    @property
    def tickers(self) -> Collection[str]:
        """The symbols that were traded."""
        return self._fold.positions

    def apply(self, signal: LoggedSignal) -> Iterator[Difference]:
        """Apply a signal, if its symbol's ticks are there, and compare what became of it."""
        if not self._is_recomputed(signal):
            self._fold.history.count_entry(signal.entry, from_datetime(signal.received_at))
            return
        accepted = self._read(signal)
        if isinstance(accepted, SignalRefused):
            yield from signal_differences(signal, {"status": "rejected", "reason": accepted.reason, "note": None})
            return
        if signal.ticker is None:
            yield from self._close_all(signal, accepted)
            return
        self._stand_in_for_what_it_reverses(signal, accepted)
        self._days.reach(self._fold.history, accepted.place)
        as_decided = self._days.as_decided(accepted, signal)
        self._fold.apply(as_decided)
        self._forget_stand_in(signal)
        outcome = outcome_of(self._fold.verdicts[-1])
        if as_decided is not accepted and signal.entry == MAX_DAILY_LOSS:
            outcome = {"status": outcome["status"], "place": outcome["place"]}
        yield from signal_differences(signal, outcome)

    def compare(self, ticker: str, start: Start) -> Iterator[Difference]:
        """Take the last position of a symbol to where its row is, and compare all of them."""
        positions = self._fold.positions.get(ticker, [])
        before = positions[-1] if positions else None
        if start.checked:
            self._fold.advance(ticker, start.checked[-1].through)
        for opening, position in zip_longest(start.checked, positions[1 if ticker in self._stand_ins else 0 :]):
            if opening is None:
                yield missing_position(ticker, position)
                continue
            recorded = self._record.recorded[opening.position_id]
            if position is None:
                yield unknown_position(recorded)
                continue
            yield from position_differences(recorded, position, self._record.contracts[recorded.row["contract_id"]])
            yield from trade_differences(recorded, self._as_written(recorded, before, position))

    def _is_recomputed(self, signal: LoggedSignal) -> bool:
        if signal.ticker is None or signal.place is None or signal.sequence is None:
            return True
        if signal.ticker not in self._begun:
            whole = self._tape.is_whole_after(signal.ticker, signal.place, signal.market_price)
            if not whole or signal.sequence < self._starts.get(signal.ticker, WHOLE).sequence:
                return False
            self._begun.add(signal.ticker)
        return True

    def _read(self, signal: LoggedSignal) -> AcceptedSignal | SignalRefused:
        try:
            return read_accepted(signal, signal.place or 0, self._record.settings, self._record.contracts)
        except SignalRefused as refusal:
            return refusal

    def _close_all(self, signal: LoggedSignal, accepted: AcceptedSignal) -> Iterator[Difference]:
        """Close what is held; positions that are not recomputed may be part of it, then its outcome is theirs too."""
        not_begun = [start for start in self._starts.values() if start.sequence > (signal.sequence or 0)]
        if any(opening.through == signal.place for start in not_begun for opening in start.skipped):
            accepted = replace(accepted, signal=replace(accepted.signal, price=None))  # as the fold does for several
        self._fold.apply(accepted)
        if not not_begun:
            yield from signal_differences(signal, outcome_of(self._fold.verdicts[-1]))

    def _stand_in_for_what_it_reverses(self, signal: LoggedSignal, accepted: AcceptedSignal) -> None:
        """Where a symbol begins with a reversal, hold what it closed: of that position only its size matters here."""
        start = self._starts.get(signal.ticker or "", WHOLE)
        if not start.skipped or signal.sequence != start.sequence or accepted.contract is None:
            return
        reversed_position = self._record.recorded[start.skipped[-1].position_id]
        closed = [
            trade
            for trade in reversed_position.trades
            if trade["exit_reason"] == ExitReason.REVERSAL and trade["exit_time"] == signal.received_at
        ]
        if closed:
            ticker = reversed_position.row["ticker"]
            market = self._tape.last_price(ticker, through=accepted.place)
            quantity = sum(trade["quantity"] for trade in closed)
            self._stand_ins.add(ticker)
            self._fold.positions[ticker] = [
                open_position(
                    Fill(quantity=quantity, price=closed[0]["entry_price"], occurred_at=accepted.occurred_at),
                    ResolvedSymbol(symbol=ticker, contract=accepted.contract),
                    direction=direction_of(reversed_position.row["side"]),
                    rules=ExitRules(),
                    place=accepted.place,
                    last_price=market,
                )
            ]

    def _forget_stand_in(self, signal: LoggedSignal) -> None:
        """Take what a stand-in has booked for nothing off its day, once the signal that reverses it is applied."""
        start = self._starts.get(signal.ticker or "", WHOLE)
        if signal.ticker in self._stand_ins and signal.sequence == start.sequence:
            with exact():
                self._fold.history.book(
                    replace(trade, pnl=-trade.pnl)
                    for trade in self._fold.positions[signal.ticker][0].trades
                    if trade.pnl is not None
                )

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
