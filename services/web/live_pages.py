"""What one live stream has shown its browser, and what is different now."""

import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.web.backend import backend
from services.web.event_stream import event
from services.web.feed_state import feed_cell
from services.web.formatting import Cell
from services.web.fragments import overall_parts, position_parts, render_fragments, signal_parts, trade_parts
from services.web.open_positions import OpenPositions
from services.web.position_view import view_position
from shared.store.database import Connection
from shared.store.reports import newest_change, results_marker, signals_marker

# A fill says when it happened a while before it is committed.
LOOK_BACK_SECONDS = 60


class LivePages:
    """Fragments anew when something was recorded, and cells by their names as `[text, tone, reason]`."""

    heartbeat = event({})

    def __init__(self, user_id: int, zone: ZoneInfo) -> None:
        self.positions = OpenPositions(user_id)
        self._zone = zone
        self._marker: object = None
        self._changed: datetime | None = None
        self._looked = time.monotonic()
        self._feed = Cell(text="")
        self._fragments: dict[str, str] = {}
        self._shown: dict[str, Cell] = {}

    def look(self) -> None:
        """Read the database again, and the fragments if anything was recorded since the last look."""
        self._feed = feed_cell()
        with backend().engine.connect() as connection:
            marker = self._read_marker(connection)
            self.positions.look(connection)
        if marker != self._marker:
            self._marker, self._shown = marker, {}
            self._fragments = self._render()

    def _read_marker(self, connection: Connection) -> object:
        """Read something that differs once anything was recorded."""
        user_id, now = self.positions.user_id, time.monotonic()
        since = now - self._looked + LOOK_BACK_SECONDS
        self._changed = newest_change(connection, user_id, within_seconds=since) or self._changed
        self._looked = now
        return self._changed, signals_marker(connection, user_id), results_marker(connection, user_id)

    def snapshot(self) -> str:
        """Everything; a browser forgets what it had."""
        return event({"snapshot": True} | self._news())

    def changes(self) -> str:
        """Fragments and cells that differ."""
        news = self._news()
        return event(news) if news else ""

    def _news(self) -> dict[str, Any]:
        fragments, self._fragments = self._fragments, {}
        cells = {name: [cell.text, cell.tone, cell.reason] for name, cell in self._changed_cells().items()}
        return {name: value for name, value in (("fragments", fragments), ("cells", cells)) if value}

    def _changed_cells(self) -> dict[str, Cell]:
        now_ns = time.time_ns()
        cells = {"feed": self._feed}
        for row, seen, exits in self.positions:
            cells |= view_position(row, seen, exits, now_ns).cells()
        changed = {name: cell for name, cell in cells.items() if self._shown.get(name) != cell}
        self._shown |= changed
        return changed

    def _render(self) -> dict[str, str]:
        user_id = self.positions.user_id
        results = overall_parts(user_id, self._zone)
        with backend().engine.connect() as connection:
            parts = {
                **results,
                **position_parts(connection, user_id),
                **trade_parts(connection, user_id),
                **signal_parts(connection, user_id),
            }
        return render_fragments(parts, self._zone)
