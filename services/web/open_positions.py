"""One user's open positions as they stand now: the last look at the database, and every tick since then."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from services.web.feed_state import last_ticks
from services.web.standing import Seen, seen_at_head
from services.web.standing_exits import RememberedExits, StandingExits
from shared.bus.announcements import PositionChange
from shared.domain.extremes import SuffixExtremes
from shared.domain.ticks import LogEntry, PriceTick, RollMark
from shared.store.database import Connection
from shared.store.reports import POSITIONS_LISTED, open_positions, recorder_names


class OpenPositions:
    """Rows that were read, and what ticks have added to them; for use by one live stream."""

    def __init__(self, user_id: int, *, most: int = POSITIONS_LISTED) -> None:
        """Follow the `most` newest positions; nothing is read yet."""
        self.user_id = user_id
        self._most = most
        self._rows: Sequence[Any] = []
        self._last: dict[str, PriceTick] = {}
        self._extremes: dict[str, SuffixExtremes] = {}
        self._exits = RememberedExits()
        self._rolled_at: dict[str, int] = {}
        self._recorders: frozenset[int] = frozenset()

    def __iter__(self) -> Iterator[tuple[Any, Seen, StandingExits]]:
        """Give each row with what is known beyond it, and with its exits as they stand by that."""
        for row in self._rows:
            seen = self._seen(row)
            yield row, seen, self._exits.of(row, seen)

    def concerns(self, change: PositionChange) -> bool:
        """Whether an announced change is one of this user's."""
        return change.recorder_id in self._recorders

    def look(self, connection: Connection) -> None:
        """Read the rows again; a symbol that is new among them begins with its last tick, however long ago that was."""
        self._rows = open_positions(connection, self.user_id, most=self._most)
        self._recorders = frozenset(recorder_names(connection, self.user_id))
        self._exits.forget_all_but({row.id for row in self._rows})
        places = self.counted_through()
        self._last = {symbol: last for symbol, last in self._last.items() if symbol in places}
        self._last |= last_ticks(places.keys() - self._last.keys())
        self._extremes = {symbol: self._extremes.get(symbol) or SuffixExtremes() for symbol in places}
        for symbol, place in places.items():
            self._extremes[symbol].forget_through(place)

    def counted_through(self) -> dict[str, int]:
        """The symbols to follow, each with the place up to which all of its positions are counted."""
        places: dict[str, int] = {}
        for row in self._rows:
            places[row.ticker] = min(row.place, places.get(row.ticker, row.place))
        return places

    def take(self, entries: Iterable[LogEntry]) -> None:
        """Take what happened in the tick log."""
        for entry in entries:
            if isinstance(entry, RollMark):
                self._rolled_at[entry.symbol] = entry.place
            if isinstance(entry, PriceTick):
                self._last[entry.symbol] = entry
                self._extremes[entry.symbol].push([entry])

    def _seen(self, row: Any) -> Seen:
        """A row from before a roll waits for the fold: prices of another contract say nothing about it."""
        if row.place < self._rolled_at.get(row.ticker, 0):
            return Seen()
        last, since = self._last.get(row.ticker), self._extremes[row.ticker].since(row.place)
        if since is None:
            return seen_at_head(row, last)
        return Seen(last=last, lowest=since.lowest, highest=since.highest, count=since.count)
