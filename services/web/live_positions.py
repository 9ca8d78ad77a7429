"""What one live stream has shown its browser, and what is different now."""

import time
from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from services.web.backend import backend
from services.web.feed_state import feed_cell
from services.web.formatting import Cell
from services.web.fragments import position_parts, render_fragments, result_parts, signal_parts, trade_parts
from services.web.position_view import Seen, view_position
from shared.bus.announcements import PositionChange
from shared.domain.extremes import SuffixExtremes
from shared.domain.ticks import LogEntry, PriceTick
from shared.store.reports import change_marker, open_positions, recorder_names


class LivePositions:
    """The open positions of one user, as the last look at the database and the ticks since then have them."""

    def __init__(self, user_id: int, zone: ZoneInfo) -> None:
        self._user_id = user_id
        self._zone = zone
        self._rows: list[Any] = []
        self._last: dict[str, PriceTick] = {}
        self._extremes: dict[str, SuffixExtremes] = {}
        self._recorders: frozenset[int] = frozenset()
        self._marker: object = None
        self._feed = Cell(text="")
        self._shown: dict[str, Cell] = {}

    def concerns(self, change: PositionChange) -> bool:
        """Whether an announced change is one of this user's."""
        return change.recorder_id in self._recorders

    def take(self, entries: Iterable[LogEntry]) -> None:
        """Take what happened in the tick log."""
        for entry in entries:
            if isinstance(entry, PriceTick):
                self._last[entry.symbol] = entry
                self._extremes.setdefault(entry.symbol, SuffixExtremes()).push(
                    entry.place, entry.occurred_at, entry.price
                )

    def counted_through(self) -> dict[str, int]:
        """The symbols to follow, each with the place up to which all of its positions are counted."""
        places: dict[str, int] = {}
        for row in self._rows:
            places[row.ticker] = min(row.place, places.get(row.ticker, row.place))
        return places

    def look(self) -> dict[str, str]:
        """Read the database again; returns the fragments anew if anything was recorded since the last look."""
        self._feed = feed_cell()
        with backend().engine.connect() as connection:
            marker = change_marker(connection, self._user_id)
            self._rows = list(open_positions(connection, self._user_id))
            for symbol, place in self.counted_through().items():
                self._extremes.setdefault(symbol, SuffixExtremes()).forget_through(place)
            if marker == self._marker:
                return {}
            self._marker = marker
            self._recorders = frozenset(recorder_names(connection, self._user_id))
            parts = {
                **position_parts(connection, self._user_id),
                **result_parts(connection, self._user_id, self._zone),
                **trade_parts(connection, self._user_id),
                **signal_parts(connection, self._user_id),
            }
        self._shown = {}
        return render_fragments(parts, self._zone)

    def changed_cells(self) -> dict[str, Cell]:
        """The cells that read differently than when they were shown last."""
        now_ns = time.time_ns()
        cells = {"feed": self._feed}
        for row in self._rows:
            cells |= view_position(row, self._seen(row), now_ns).cells()
        changed = {name: cell for name, cell in cells.items() if self._shown.get(name) != cell}
        self._shown |= changed
        return changed

    def _seen(self, row: Any) -> Seen:
        last = self._last.get(row.ticker)
        since = self._extremes[row.ticker].since(row.place)
        if since is None:
            return Seen(last=last)
        return Seen(last=last, lowest=since.lowest, highest=since.highest, count=since.count)
