"""Open positions as programs follow them, tick by tick."""

from typing import Any

from flask import Response

from services.web.api.blueprint import api, user_id
from services.web.api.encoding import encode_fields
from services.web.api.query import refuse_unknown
from services.web.backend import backend
from services.web.event_stream import event, stream
from services.web.open_positions import OpenPositions
from services.web.standing import Seen, stand
from services.web.standing_exits import StandingExits, exit_fields

MOST_POSITIONS = 2000

Fields = dict[str, object]


@api.get("/stream")
def live_positions() -> Response:
    """Follow open positions by server-sent events.

    `positions`, first after each connection: all open positions, at most the 2,000 newest. `changes`, at most four
    times a second: those that opened or changed, whole. `closed`: the ids of those that are not open any more. After
    15 seconds without an event, a comment shows that the connection stands. `stop_price` is where the stop stands
    (it moves while it trails), `stop_reason` what a fill there would be called.
    """
    refuse_unknown()
    return stream(StreamedPositions(user_id()))


class StreamedPositions:
    """What one program was told of each open position."""

    heartbeat = ": heartbeat\n\n"

    def __init__(self, user_id: int) -> None:
        self.positions = OpenPositions(user_id, most=MOST_POSITIONS)
        self._told: dict[int, Fields] = {}

    def look(self) -> None:
        """Read the database again."""
        with backend().engine.connect() as connection:
            self.positions.look(connection)

    def snapshot(self) -> str:
        """All open positions."""
        self._told = self._standing()
        return event(list(self._told.values()), "positions")

    def changes(self) -> str:
        """Those that are different, and those that are gone."""
        before, self._told = self._told, self._standing()
        changed = [fields for position_id, fields in self._told.items() if before.get(position_id) != fields]
        closed = [position_id for position_id in before if position_id not in self._told]
        return (event(changed, "changes") if changed else "") + (event(closed, "closed") if closed else "")

    def _standing(self) -> dict[int, Fields]:
        return {row.id: _fields(row, seen, exits) for row, seen, exits in self.positions}


def _fields(row: Any, seen: Seen, exits: StandingExits) -> Fields:
    standing = stand(row, seen)
    return encode_fields(
        {
            "id": row.id,
            "recorder": row.recorder,
            "symbol": row.ticker,
            "side": row.side,
            "quantity": row.total_quantity,
            "avg_entry_price": row.avg_entry_price,
            "current_price": standing.price,
            "unrealized_pnl": standing.unrealized,
            "worst_unrealized_pnl": standing.worst,
            "best_unrealized_pnl": standing.best,
            "ticks_seen": standing.ticks_seen,
            "gap_seconds": row.gap_seconds,
            **exit_fields(exits),
        }
    )
