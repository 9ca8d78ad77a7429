"""Settles trading days: what they came to is stored once they are over, so that pages need not add up every trade.

A day is settled when it has been over for an hour and no position is in a leg that began in it. Whoever writes into a
settled day unsettles it; it is computed on every view until it is settled again.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from shared.domain.trading_day import trading_day
from shared.store.day_summaries import (
    CLOSED,
    DAY,
    STARTED,
    UNDER_WAY,
    Stretch,
    day_hours,
    day_queries,
)
from shared.store.result_totals import LOCK, LOCKED_IN, add_up_piece
from shared.store.tables import result_days

# A piece takes about a second, for which it keeps those waiting who write into days that are over.
CLOSINGS_A_PIECE = 30_000
GAPS_A_PIECE = 20
# Who writes into a day that is not over does not unsettle it, and has committed long before this has passed.
_LEFT_ALONE = timedelta(hours=1)
_ONE_DAY = timedelta(days=1)


def last_day_over() -> date:
    """Name the last trading day that can be settled."""
    return trading_day(datetime.now(UTC) - _LEFT_ALONE) - _ONE_DAY


def add_scopes(connection: Connection) -> None:
    """Have the days of every user and recorder settled from now on, in a transaction before those that settle."""
    over = last_day_over()
    for statement in (_ADD_RECORDERS, _ADD_USERS, _LOCK_NEW, _BEGIN):
        connection.execute(statement, {"over": over, "ends": day_hours(over)[1]})


def settle_piece(connection: Connection) -> bool:
    """Settle some days, in a transaction of its own; returns whether there may be more, in which case call it again.

    Of several who settle, one does it.
    """
    if not connection.execute(_BE_THE_ONE).scalar_one():
        return False
    return _settle_gaps(connection) or _settle_next_days(connection) or add_up_piece(connection)


def _settle_gaps(connection: Connection) -> bool:
    """Settle days that were unsettled, and those whose last leg has ended."""
    ripe = connection.execute(_RIPE_GAPS, {"most": GAPS_A_PIECE}).all()
    if not ripe:
        return False
    connection.execute(LOCK, {"ids": [row.scope_id for row in ripe]})
    gaps = {"ids": [row.scope_id for row in ripe], "days": [row.day for row in ripe]}
    taken = connection.execute(_TAKE_GAPS, gaps).all()
    _store(connection, [_stretch(row, row.day, row.day) for row in taken])
    return True


def _settle_next_days(connection: Connection) -> bool:
    """Settle the first days that are not, of everybody at the same time, as many as a piece has room for."""
    over = last_day_over()
    settled = connection.execute(_SETTLED_LEAST, {"over": over}).scalar()
    if settled is None:
        return False
    begins = day_hours(settled + _ONE_DAY)[0]
    too_far = connection.execute(_DAY_OF_CLOSING, {"begins": begins, "number": CLOSINGS_A_PIECE}).scalar()
    through = over if too_far is None else min(over, max(settled + _ONE_DAY, too_far - _ONE_DAY))
    behind = connection.execute(_LOCK_BEHIND, {"through": through}).all()
    connection.execute(_LEAVE_GAPS, {"ids": [row.id for row in behind], "through": through})
    _store(connection, [_stretch(row, row.settled_through + _ONE_DAY, through) for row in behind])
    connection.execute(_ADVANCE, {"through": through})
    return True


def _stretch(row: Row[Any], first: date, last: date) -> Stretch:
    begins, ends = day_hours(first, last)
    return Stretch(scope_id=row.scope_id, user_id=row.user_id, recorder_id=row.recorder_id, begins=begins, ends=ends)


def _store(connection: Connection, stretches: Collection[Stretch]) -> None:
    for query, parameters in day_queries(stretches):
        connection.execute(text(_STORE.format(computed=query)), parameters)


def unsettle_days(connection: Connection, days: Mapping[int, Collection[date]]) -> None:
    """Have days of recorders computed anew, within the transaction that writes into them."""
    today = trading_day(datetime.now(UTC))
    over = [(recorder_id, day) for recorder_id, of_each in days.items() for day in of_each if day < today]
    if over:
        parameters = {"recorder_ids": [recorder_id for recorder_id, _ in over], "days": [day for _, day in over]}
        for statement in (_LOCK_THOSE_OF, _FORGET, _FORGET_TOTALS, _UNSETTLE):
            connection.execute(statement, parameters)


def unsettle_positions(connection: Connection, position_ids: Collection[int]) -> None:
    """Have every day computed anew in which some positions did something, before or after they are changed."""
    days: dict[int, list[date]] = {}
    for row in connection.execute(_DAYS_OF, {"position_ids": sorted(position_ids)}):
        days.setdefault(row.recorder_id, []).append(row.day)
    unsettle_days(connection, days)


def unsettle_recorder(connection: Connection, recorder_id: int) -> None:
    """Have every day computed anew in which a recorder did something, before all of that is taken away."""
    unsettle_positions(connection, connection.execute(_POSITIONS_OF, {"recorder_id": recorder_id}).scalars().all())


_BE_THE_ONE = text("SELECT pg_try_advisory_xact_lock(hashtext('settling of trading days'))")
_ADD_RECORDERS = text(
    """
    INSERT INTO result_scopes (user_id, recorder_id)
    SELECT user_id, id FROM recorders r WHERE NOT EXISTS (SELECT FROM result_scopes WHERE recorder_id = r.id)
    ORDER BY id ON CONFLICT DO NOTHING
    """
)
_ADD_USERS = text(
    """
    INSERT INTO result_scopes (user_id)
    SELECT id FROM users u
    WHERE NOT EXISTS (SELECT FROM result_scopes WHERE user_id = u.id AND recorder_id IS NULL)
    ORDER BY id ON CONFLICT DO NOTHING
    """
)
_LOCK_NEW = text(f"SELECT FROM result_scopes WHERE settled_through IS NULL ORDER BY {LOCKED_IN} FOR UPDATE")
# Who has done nothing before is settled. A position that comes in between unsettles its days.
_BEGIN = text(
    f"""
    UPDATE result_scopes scope SET settled_through = CASE
        WHEN EXISTS (SELECT FROM recorder_positions WHERE recorder_id = scope.recorder_id AND opened_at < :ends)
            OR (scope.recorder_id IS NULL AND EXISTS (
                SELECT FROM recorder_positions p JOIN recorders r ON r.id = p.recorder_id
                WHERE r.user_id = scope.user_id AND opened_at < :ends
            ))
        THEN (SELECT {DAY.format(at="min(opened_at)")} - 1 FROM recorder_positions)
        ELSE :over
    END
    WHERE settled_through IS NULL
    """
)
_RIPE_GAPS = text(
    f"""
    SELECT gap.scope_id, gap.day
    FROM unsettled_days gap
    JOIN result_scopes scope ON scope.id = gap.scope_id AND gap.day <= scope.settled_through
    WHERE NOT EXISTS (
        SELECT FROM ({UNDER_WAY}) under_way WHERE under_way.scope_id = gap.scope_id AND under_way.day = gap.day
    )
    ORDER BY gap.day DESC LIMIT :most
    """
)
_TAKE_GAPS = text(
    f"""
    DELETE FROM unsettled_days gap
    USING result_scopes scope, unnest(CAST(:ids AS bigint[]), CAST(:days AS date[])) ripe(scope_id, day)
    WHERE gap.scope_id = ripe.scope_id AND gap.day = ripe.day AND scope.id = gap.scope_id
      AND NOT EXISTS (
        SELECT FROM ({UNDER_WAY}) under_way WHERE under_way.scope_id = gap.scope_id AND under_way.day = gap.day
      )
    RETURNING gap.scope_id, gap.day, scope.user_id, scope.recorder_id
    """
)
_SETTLED_LEAST = text("SELECT min(settled_through) FROM result_scopes WHERE settled_through < :over")
_DAY_OF_CLOSING = text(
    f"""
    SELECT {DAY.format(at="exit_time")} FROM recorded_trades t
    WHERE {CLOSED} >= :begins AND {CLOSED} < 'infinity' ORDER BY {CLOSED}, id OFFSET :number LIMIT 1
    """
)
_LOCK_BEHIND = text(
    f"""
    SELECT id, id AS scope_id, user_id, recorder_id, settled_through FROM result_scopes
    WHERE settled_through < :through ORDER BY {LOCKED_IN} FOR UPDATE
    """
)
_LEAVE_GAPS = text(
    f"""
    INSERT INTO unsettled_days (scope_id, day)
    SELECT DISTINCT scope_id, day
    FROM ({UNDER_WAY}) under_way JOIN result_scopes scope ON scope.id = scope_id AND day > scope.settled_through
    WHERE scope.id = ANY(CAST(:ids AS bigint[])) AND day <= :through
    ON CONFLICT DO NOTHING
    """
)
_ADVANCE = text("UPDATE result_scopes SET settled_through = :through WHERE settled_through < :through")
_COLUMNS = ", ".join(column.name for column in result_days.columns)
_STORE = f"""
    INSERT INTO result_days ({_COLUMNS})
    SELECT {_COLUMNS} FROM ({{computed}}) computed
    WHERE NOT EXISTS (
        SELECT FROM unsettled_days gap WHERE gap.scope_id = computed.scope_id AND gap.day = computed.day
    )
"""
# Adds what is missing and locks the rest.
_LOCK_THOSE_OF = text(
    """
    WITH of_recorders AS (
        INSERT INTO result_scopes (user_id, recorder_id)
        SELECT user_id, id FROM recorders WHERE id = ANY(CAST(:recorder_ids AS bigint[])) ORDER BY id
        ON CONFLICT (recorder_id) DO UPDATE SET user_id = excluded.user_id
    )
    INSERT INTO result_scopes (user_id)
    SELECT DISTINCT user_id FROM recorders WHERE id = ANY(CAST(:recorder_ids AS bigint[])) ORDER BY user_id
    ON CONFLICT (user_id) WHERE recorder_id IS NULL DO UPDATE SET user_id = excluded.user_id
    """
)
_CONCERNED = """
    SELECT scope.id AS scope_id, written.day
    FROM unnest(CAST(:recorder_ids AS bigint[]), CAST(:days AS date[])) written(recorder_id, day)
    JOIN result_scopes scope ON scope.recorder_id = written.recorder_id
    UNION
    SELECT scope.id, written.day
    FROM unnest(CAST(:recorder_ids AS bigint[]), CAST(:days AS date[])) written(recorder_id, day)
    JOIN recorders r ON r.id = written.recorder_id
    JOIN result_scopes scope ON scope.user_id = r.user_id AND scope.recorder_id IS NULL
"""
_FORGET = text(
    f"""
    DELETE FROM result_days USING ({_CONCERNED}) changed
    WHERE result_days.scope_id = changed.scope_id AND result_days.day = changed.day
    """
)
_FORGET_TOTALS = text(
    f"""
    WITH stale AS (
        UPDATE result_scopes SET total_through = NULL FROM ({_CONCERNED}) changed
        WHERE id = changed.scope_id AND total_through >= changed.day RETURNING id
    )
    DELETE FROM result_totals USING stale WHERE scope_id = stale.id
    """
)
_UNSETTLE = text(f"INSERT INTO unsettled_days (scope_id, day) {_CONCERNED} ON CONFLICT DO NOTHING")
_POSITIONS_OF = text("SELECT id FROM recorder_positions WHERE recorder_id = :recorder_id")
_DAYS_OF = text(
    f"""
    WITH chosen AS (SELECT * FROM recorder_positions WHERE id = ANY(CAST(:position_ids AS bigint[])))
    SELECT DISTINCT recorder_id, {DAY.format(at="at")} AS day FROM (
        SELECT t.recorder_id, exit_time AS at FROM recorded_trades t JOIN chosen ON chosen.id = t.position_id
        UNION SELECT recorder_id, closed_at FROM chosen
        UNION SELECT recorder_id, started_at FROM position_legs l JOIN chosen ON chosen.id = l.position_id
        UNION SELECT recorder_id, {STARTED} FROM chosen p
    ) moments
    WHERE at IS NOT NULL
    """
)
