"""One recorder folded again from its logs, with what its corrections void left out."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from msgspec.structs import replace

from shared.accepted_signals import read_accepted
from shared.domain.accounting import open_position
from shared.domain.application import AcceptedSignal
from shared.domain.corrections import VOIDED, Correction, CorrectionLog
from shared.domain.entry_filters import MAX_DAILY_LOSS
from shared.domain.exit_rules import ExitRules
from shared.domain.fold import RecorderFold, Verdict
from shared.domain.money import exact
from shared.domain.position import Position
from shared.domain.refusals import SignalRefused
from shared.domain.symbols import ResolvedSymbol
from shared.domain.timestamps import from_datetime
from shared.domain.trades import ExitReason, Fill
from shared.recompute.past import RecordedDays
from shared.recompute.record import StoredRecord
from shared.recompute.starts import WHOLE, Start
from shared.recompute.tape import WholeTape
from shared.store.position_rows import direction_of
from shared.store.signals import CORRECTION, LoggedSignal

Said = Mapping[str, object]
NOTHING: Said = {}


class Refold:
    """A recorder's fold on its way through the signals that can be recomputed.

    A symbol without a start of its own begins as `otherwise` says.
    """

    def __init__(
        self,
        record: StoredRecord,
        starts: Mapping[str, Start],
        tape: WholeTape,
        corrections: Sequence[Correction],
        otherwise: Start = WHOLE,
    ) -> None:
        self._record, self._starts, self._otherwise, self._tape = record, starts, otherwise, tape
        log = CorrectionLog()
        self._corrected = {each.id: log.add(each) for each in corrections}
        self._voids = log.voids
        tape.turn_to(_known_prices(record.signals), self._voids.ticks)
        self._fold = RecorderFold((), {}, tape, record.past.entries)
        self._days = RecordedDays(record.past, [opening for start in starts.values() for opening in start.skipped])
        self._begun: set[str] = set()
        self._stand_ins: set[str] = set()

    @property
    def tickers(self) -> Collection[str]:
        """The symbols that were traded."""
        return self._fold.positions

    def positions(self, ticker: str) -> Sequence[Position]:
        """The positions of a symbol so far, in their order."""
        return self._fold.positions.get(ticker, [])[1 if ticker in self._stand_ins else 0 :]

    def advance(self, ticker: str, through: int) -> None:
        """Take the open position of a symbol, if there is one, through the log up to a place."""
        self._fold.advance(ticker, through)

    def apply(self, signal: LoggedSignal) -> Said:
        """Apply a signal, if its symbol's ticks are there, and return what its row then says, as far as it is known."""
        if signal.signal_type == CORRECTION:
            corrected = self._corrected[signal.id]
            return {"status": corrected.status, "reason": corrected.reason, "note": corrected.note}
        if signal.id in self._voids.signals:
            return {"status": "ignored", "reason": VOIDED, "note": None, "entry": None}
        if not self._is_recomputed(signal):
            self._fold.history.count_entry(signal.entry, from_datetime(signal.received_at))
            return NOTHING
        accepted = self._read(signal)
        if isinstance(accepted, SignalRefused):
            return {"status": "rejected", "reason": accepted.reason, "note": None}
        return self._close_all(signal, accepted) if signal.ticker is None else self._apply(signal, accepted)

    def _apply(self, signal: LoggedSignal, accepted: AcceptedSignal) -> Said:
        self._stand_in_for_what_it_reverses(signal, accepted)
        self._days.reach(self._fold.history, accepted.place)
        as_decided = self._days.as_decided(accepted, signal)
        self._fold.apply(as_decided)
        self._forget_stand_in(signal)
        outcome = _outcome_of(self._fold.verdicts[-1])
        if as_decided is not accepted and signal.entry == MAX_DAILY_LOSS:
            return {"status": outcome["status"], "place": outcome["place"]}
        return outcome

    def _is_recomputed(self, signal: LoggedSignal) -> bool:
        if signal.ticker is None or signal.place is None or signal.sequence is None:
            return True
        if signal.ticker not in self._begun:
            whole = self._tape.is_whole_after(signal.ticker, signal.place, signal.market_price)
            if not whole or signal.sequence < self._start(signal.ticker).sequence:
                return False
            self._begun.add(signal.ticker)
        return True

    def _start(self, ticker: str | None) -> Start:
        return self._starts.get(ticker or "", self._otherwise)

    def _read(self, signal: LoggedSignal) -> AcceptedSignal | SignalRefused:
        try:
            return read_accepted(signal, signal.place or 0, self._record.settings, self._record.contracts)
        except SignalRefused as refusal:
            return refusal

    def _close_all(self, signal: LoggedSignal, accepted: AcceptedSignal) -> Said:
        """Close what is held; positions that are not recomputed may be part of it, then its outcome is theirs too."""
        not_begun = [start for start in self._starts.values() if start.sequence > (signal.sequence or 0)]
        if any(opening.through == signal.place for start in not_begun for opening in start.skipped):
            accepted = replace(accepted, signal=replace(accepted.signal, price=None))  # as the fold does for several
        self._fold.apply(accepted)
        return NOTHING if not_begun else _outcome_of(self._fold.verdicts[-1])

    def _stand_in_for_what_it_reverses(self, signal: LoggedSignal, accepted: AcceptedSignal) -> None:
        """Where a symbol begins with a reversal, hold what it closed: of that position only its size matters here."""
        start = self._start(signal.ticker)
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
        start = self._start(signal.ticker)
        if signal.ticker in self._stand_ins and signal.sequence == start.sequence:
            with exact():
                self._fold.history.book(
                    replace(trade, pnl=-trade.pnl)
                    for trade in self._fold.positions[signal.ticker][0].trades
                    if trade.pnl is not None
                )


def _known_prices(signals: Collection[LoggedSignal]) -> dict[tuple[str, int], Decimal]:
    return {
        (signal.ticker, signal.place): signal.market_price
        for signal in signals
        if signal.ticker is not None and signal.place is not None and signal.market_price is not None
    }


def _outcome_of(verdict: Verdict) -> Said:
    """What the row of a signal says of its outcome."""
    applied = verdict.applied
    said = {"status": applied.status, "reason": applied.reason, "note": applied.note, "entry": applied.entry}
    return said | {"place": verdict.place}
