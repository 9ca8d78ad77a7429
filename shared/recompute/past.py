"""What is known of the past that entry filters ask about, where not everything can be recomputed.

Entries and results of positions whose ticks are gone are taken from the database. Where one of these was still open,
what it stood at then is not known any more, so that what a daily loss limit decided is believed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from msgspec import structs
from sqlalchemy import Connection

from shared.domain.application import AcceptedSignal
from shared.domain.entry_filters import MAX_DAILY_LOSS, asks_the_past
from shared.domain.entry_history import EntryHistory, day_of
from shared.domain.money import exact
from shared.domain.recorder_settings import RecorderSettings
from shared.domain.timestamps import from_datetime
from shared.domain.trading_day import trading_day, trading_day_start
from shared.store.audit_rows import Opening, load_booked
from shared.store.entry_histories import load_entry_histories
from shared.store.signals import LoggedSignal


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A recorder's entries before the first recomputed signal, and the days' results of its positions, by id."""

    entries: EntryHistory = field(default_factory=EntryHistory)
    results: Mapping[int, Sequence[tuple[date, Decimal]]] = field(default_factory=dict)


def load_pasts(
    connection: Connection,
    signals: Mapping[int, Sequence[LoggedSignal]],
    settings: Mapping[int, RecorderSettings],
    firsts: Mapping[int, int],
) -> dict[int, Past]:
    """Load the past of recorders whose `signals` to recompute ask for it, before those numbered `firsts`."""
    days = {recorder_id: _days_asked(of_each, settings) for recorder_id, of_each in signals.items()}
    asking = {recorder_id: of_each for recorder_id, of_each in days.items() if of_each}
    if not asking:
        return dict.fromkeys(signals, Past())
    histories = load_entry_histories(connection, asking, before=firsts)
    since = trading_day_start(min(day for of_each in asking.values() for day in of_each))
    booked = load_booked(connection, asking, since)
    results = {
        position_id: [(trading_day(exit_time), pnl) for exit_time, pnl in of_each]
        for position_id, of_each in booked.items()
    }
    return {
        recorder_id: Past(entries=replace(histories[recorder_id], booked={}), results=results)
        if recorder_id in histories
        else Past()
        for recorder_id in signals
    }


class RecordedDays:
    """The results of positions that are not recomputed, booked into a fold's history once they are behind it."""

    def __init__(self, past: Past, skipped: Iterable[Opening]) -> None:
        self._results = past.results
        self._skipped = sorted(skipped, key=lambda opening: opening.through)
        self._booked = 0

    def reach(self, history: EntryHistory, place: int) -> None:
        """Book what closed before a place."""
        with exact():
            while self._booked < len(self._skipped) and self._skipped[self._booked].through < place:
                for day, pnl in self._results.get(self._skipped[self._booked].position_id, ()):
                    history.add_result(day, pnl)
                self._booked += 1

    def as_decided(self, accepted: AcceptedSignal, recorded: LoggedSignal) -> AcceptedSignal:
        """Return the signal as it applies: where the day's result is not known, with the decision that was recorded."""
        if not accepted.settings.max_daily_loss or self._booked == len(self._skipped):
            return accepted
        passes = accepted.settings.recording_enabled and recorded.entry != MAX_DAILY_LOSS
        return structs.replace(
            accepted, settings=replace(accepted.settings, max_daily_loss=Decimal(0), recording_enabled=passes)
        )


def _days_asked(signals: Collection[LoggedSignal], settings: Mapping[int, RecorderSettings]) -> set[date]:
    asking = (signal for signal in signals if asks_the_past(settings[signal.settings_id]))
    return {day_of(from_datetime(signal.received_at)) for signal in asking}
