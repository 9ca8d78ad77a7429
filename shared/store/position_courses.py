"""What positions contribute to the days that are not settled, each read once for as long as its row has one version.

What comes of it is the same as what `day_summaries` has Postgres compute, which takes several times as long where a
day has thousands of trades, since it reads and joins all of them on each view.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, Row, text

from shared.domain.day_courses import Move
from shared.domain.performance import Result
from shared.domain.timestamps import END, from_datetime
from shared.store.day_summaries import LOTS_HELD, LOWEST_WHILE_OPEN

MOST_REMEMBERED = 20_000  # positions, of a kilobyte each

_ZERO = Decimal(0)


class Course(Struct, frozen=True, kw_only=True, gc=False):
    """A position's moves and what its closed trades brought; the leg under way of an open one is a move, too."""

    id: int
    version: int
    user_id: int
    recorder_id: int
    currency: str
    opened_at: int
    opened_by: int
    is_open: bool
    moves: tuple[Move, ...]
    results: tuple[Result, ...]


class RememberedCourses:
    """The courses of positions as of versions of their rows, for every request of a process.

    Whatever changes a position, its legs or its trades makes a new version; only flushes do not, and what these write
    is read each time.
    """

    def __init__(self) -> None:
        self._known: dict[int, Course] = {}

    def __len__(self) -> int:
        """Count the positions that are remembered."""
        return len(self._known)

    def load(
        self, connection: Connection, since: datetime, *, users: Collection[int], recorder_ids: Collection[int]
    ) -> list[Course]:
        """Load what is open or closed since a moment, in the order of opening: of some users, or of some recorders."""
        whose = _OF_USERS if users else _OF_RECORDERS
        owners = {"owners": list(users or recorder_ids), "since": since}
        versions: dict[int, int] = dict(connection.execute(text(_SINCE.format(whose=whose)), owners).all())
        courses = dict(self._recall(connection, versions))
        held = [key for key, course in courses.items() if course.is_open]
        for row in connection.execute(_LEGS_UNDER_WAY, {"ids": held}) if held else ():
            courses[row.id] = _with_leg_under_way(courses[row.id], row)
        return sorted(courses.values(), key=attrgetter("opened_at", "opened_by", "id"))

    def _recall(self, connection: Connection, versions: Mapping[int, int]) -> Mapping[int, Course]:
        """Return the courses of some versions of positions, by their ids."""
        known = self._known
        found = {key: known[key] for key, version in versions.items() if key in known and known[key].version == version}
        news = _load_courses(connection, versions.keys() - found.keys())
        if len(known) + len(news) > MOST_REMEMBERED:
            known = self._known = {}
        known |= news
        return found | news


def _with_leg_under_way(course: Course, row: Row[Any]) -> Course:
    """Add what the current leg of an open position changed up to now."""
    booked = sum((move.booked for move in course.moves), _ZERO)
    low = sum((move.low for move in course.moves), _ZERO)
    move = Move(row.at, row.low - low, row.booked - booked, 0 if course.moves else 1, row.gap_seconds)
    return replace(course, moves=(*course.moves, move))


def _load_courses(connection: Connection, position_ids: Collection[int]) -> dict[int, Course]:
    if not position_ids:
        return {}
    wanted = {"ids": list(position_ids)}
    legs = _by_position(connection.execute(_LEGS, wanted))
    trades = _by_position(connection.execute(_CLOSED_TRADES, wanted))
    return {
        row.id: Course(
            id=row.id,
            version=row.version,
            user_id=row.user_id,
            recorder_id=row.recorder_id,
            currency=row.currency,
            opened_at=from_datetime(row.opened_at),
            opened_by=END if row.opened_by is None else row.opened_by,
            is_open=row.closed_at is None,
            moves=tuple(_moves(row, legs.get(row.id, ()))),
            results=tuple(
                Result(exited_at=from_datetime(each.exit_time), pnl=each.pnl) for each in trades.get(row.id, ())
            ),
        )
        for row in connection.execute(_POSITIONS, wanted)
    }


def _by_position(rows: Iterable[Row[Any]]) -> dict[int, list[Row[Any]]]:
    return {position_id: list(of_each) for position_id, of_each in groupby(rows, key=attrgetter("position_id"))}


def _moves(position: Row[Any], legs: Iterable[Row[Any]]) -> Iterable[Move]:
    """Tell by how much each leg that ended, and the closing, differ from what came before."""
    low = booked = _ZERO
    held = 0
    for leg in legs:
        yield Move(from_datetime(leg.started_at), leg.lowest_result - low, leg.realized_before - booked, 1 - held)
        low, booked, held = leg.lowest_result, leg.realized_before, 1
    if position.closed_at is not None:
        at, brought = from_datetime(position.closed_at), position.realized_pnl
        yield Move(at, brought - low, brought - booked, -held, position.gap_seconds, position.ticks_seen == 0)


_OF_USERS = "p.recorder_id IN (SELECT id FROM recorders WHERE user_id = ANY(CAST(:owners AS bigint[])))"
_OF_RECORDERS = "p.recorder_id = ANY(CAST(:owners AS bigint[]))"
_SINCE = """
    SELECT p.id, p.version FROM recorder_positions p
    WHERE coalesce(p.closed_at, 'infinity') >= :since AND p.status <> 'voided' AND p.voided_by IS NULL AND {whose}
"""
_LEGS_UNDER_WAY = text(
    f"""
    SELECT p.id, CAST(p.totals ->> 'leg_started_at' AS bigint) / 1000 * 1000 AS at,  -- microseconds, as in columns
        {LOWEST_WHILE_OPEN} AS low, p.realized_pnl AS booked, p.gap_seconds
    FROM recorder_positions p
    JOIN contracts ON contracts.id = p.contract_id
    {LOTS_HELD}
    WHERE p.id = ANY(CAST(:ids AS bigint[]))
    """
)
_POSITIONS = text(
    """
    SELECT p.id, p.version, recorders.user_id, p.recorder_id, currency, opened_at, opened_by,
        closed_at, realized_pnl, gap_seconds, ticks_seen
    FROM recorder_positions p
    JOIN contracts ON contracts.id = p.contract_id
    JOIN recorders ON recorders.id = p.recorder_id
    WHERE p.id = ANY(CAST(:ids AS bigint[]))
    """
)
_LEGS = text(
    """
    SELECT position_id, started_at, lowest_result, realized_before FROM position_legs
    WHERE position_id = ANY(CAST(:ids AS bigint[])) ORDER BY position_id, number
    """
)
_CLOSED_TRADES = text(
    """
    SELECT position_id, exit_time, pnl FROM recorded_trades
    WHERE position_id = ANY(CAST(:ids AS bigint[])) AND status = 'closed' AND voided_by IS NULL ORDER BY position_id
    """
)
