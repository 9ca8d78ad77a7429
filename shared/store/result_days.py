"""What trading days came to, of all recorders of a user or of one: stored once they are over, computed until then.

A day is settled when it has been over for an hour and no position is in a leg that began in it. Whoever writes into a
settled day unsettles it; it is computed anew until somebody settles it again.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, RowMapping, insert, text

from shared.domain.result_days import ResultDay
from shared.domain.timestamps import from_datetime, to_datetime
from shared.domain.trading_day import trading_day, trading_day_start
from shared.store.day_summaries import DAY, OF_RECORDERS, OF_USERS, STARTED
from shared.store.tables import result_days

_ONE_DAY, _MONTH = timedelta(days=1), timedelta(days=30)
# Who writes into a day that is not over does not unsettle it, and has committed long before this has passed.
_LEFT_ALONE = timedelta(hours=1)
_BEGINNING, _END = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose results: those of all recorders of a user (`recorder_id` None), or of one of them."""

    user_id: int
    recorder_id: int | None = None

    @property
    def owner(self) -> int:
        """The id by which its trades are found."""
        return self.user_id if self.recorder_id is None else self.recorder_id


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settled:
    """Through which day the days of a scope are settled, and which of those are not; id None: nobody settled any."""

    id: int | None = None
    through: date | None = None
    gaps: frozenset[date] = frozenset()

    @property
    def ends(self) -> datetime:
        """The first moment behind all that is settled."""
        return _BEGINNING if self.through is None else trading_day_start(self.through + _ONE_DAY)


def load_result_days(connection: Connection, scopes: Collection[Scope]) -> Mapping[Scope, Sequence[ResultDay]]:
    """Load every trading day that came to something, by scope, in their order; call it in one REPEATABLE READ."""
    settled = _load_settled(connection, scopes)
    stretches = [(scope, *_hours(day)) for scope, each in settled.items() for day in each.gaps]
    stretches += [(scope, each.ends, _END) for scope, each in settled.items()]
    found: dict[Scope, list[ResultDay]] = {scope: [] for scope in scopes}
    for scope, day in [*_load_days(connection, settled), *_compute_days(connection, stretches)]:
        found[scope].append(day)
    for days in found.values():
        days.sort(key=lambda each: each.day)
    return found


def settle_days(connection: Connection, scopes: Collection[Scope]) -> bool:
    """Store what those days came to that are over, in a transaction of its own; mostly there is nothing to do.

    A long history is settled a month at a time; returns whether there is more, in which case call it again.
    """
    through = trading_day(datetime.now(UTC) - _LEFT_ALONE) - _ONE_DAY
    behind = [scope for scope, *_ in _behind(connection, scopes, through)]
    has_more = False
    if behind:
        connection.execute(_LOCK, _keys(behind))
        for scope, settled, under_way in _behind(connection, behind, through):
            month = min(through, _first_day(connection, scope, settled) + _MONTH)
            _settle(connection, scope, settled, under_way, month)
            has_more = has_more or month < through
    return has_more


def unsettle_days(connection: Connection, days: Mapping[int, Collection[date]]) -> None:
    """Have days of recorders computed anew, within the transaction that writes into them."""
    today = trading_day(datetime.now(UTC))
    over = [(recorder_id, day) for recorder_id, of_each in days.items() for day in of_each if day < today]
    if over:
        parameters = {"recorder_ids": [recorder_id for recorder_id, _ in over], "days": [day for _, day in over]}
        for statement in (_LOCK_THOSE_OF, _FORGET, _UNSETTLE):
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


def _settle(
    connection: Connection, scope: Scope, settled: _Settled, under_way: Collection[date], through: date
) -> None:
    stretches = [(scope, *_hours(day)) for day in settled.gaps if day not in under_way]
    stretches.append((scope, settled.ends, trading_day_start(through + _ONE_DAY)))
    days = [day for _, day in _compute_days(connection, stretches) if day.day not in under_way]
    if days:
        connection.execute(insert(result_days), [{"scope_id": settled.id, **_row(day)} for day in days])
    first = settled.through or date.min
    gaps = [day for day in under_way if first < day <= through]
    parameters = {"id": settled.id, "through": through, "under_way": list(under_way), "gaps": gaps}
    for statement in (_ADVANCE, _CLOSE_GAPS, _LEAVE_GAPS):
        connection.execute(statement, parameters)


def _first_day(connection: Connection, scope: Scope, settled: _Settled) -> date:
    """Return the day behind the settled ones, or that of the first position."""
    if settled.through is not None:
        return settled.through + _ONE_DAY
    first = connection.execute(_FIRST_OPENED, _keys([scope])).scalar()
    return trading_day(first or datetime.now(UTC))


def _behind(
    connection: Connection, scopes: Collection[Scope], through: date
) -> Iterator[tuple[Scope, _Settled, frozenset[date]]]:
    """Give the scopes of which something can be settled, each with the days in which a leg under way began."""
    known = {
        scope: each
        for scope, each in _load_settled(connection, scopes).items()
        if each.gaps or each.through is None or each.through < through
    }
    if not known:
        return
    rows = connection.execute(_UNDER_WAY, _keys(known)).all()
    for scope, each in known.items():
        under_way = frozenset(
            row.day for row in rows if scope.owner == (row.recorder_id if scope.recorder_id else row.user_id)
        )
        if each.through is None or each.through < through or each.gaps - under_way:
            yield scope, each, under_way


def _load_settled(connection: Connection, scopes: Collection[Scope]) -> dict[Scope, _Settled]:
    found = dict.fromkeys(scopes, _Settled())
    for row in connection.execute(_SCOPES, _keys(scopes)):
        scope = Scope(user_id=row.user_id, recorder_id=row.recorder_id)
        found[scope] = _Settled(id=row.id, through=row.settled_through, gaps=frozenset(row.gaps))
    return found


def _load_days(connection: Connection, settled: Mapping[Scope, _Settled]) -> Iterable[tuple[Scope, ResultDay]]:
    scopes = {each.id: scope for scope, each in settled.items() if each.id is not None}
    rows = connection.execute(_STORED, {"ids": list(scopes)}).mappings()
    return ((scopes[row["scope_id"]], _day(row)) for row in rows)


def _compute_days(
    connection: Connection, stretches: Collection[tuple[Scope, datetime, datetime]]
) -> Iterator[tuple[Scope, ResultDay]]:
    scopes = list({scope for scope, _, _ in stretches})
    for query, of_users in ((OF_USERS, True), (OF_RECORDERS, False)):
        chosen = [each for each in stretches if (each[0].recorder_id is None) == of_users]
        parameters = {
            "scopes": [scopes.index(scope) for scope, _, _ in chosen],
            "owners": [scope.owner for scope, _, _ in chosen],
            "begins": [begins for _, begins, _ in chosen],
            "ends": [ends for _, _, ends in chosen],
            "first": min((begins for _, begins, _ in chosen), default=_END),
        }
        if chosen:
            for row in connection.execute(query, parameters).mappings():
                yield scopes[row["scope_id"]], _day(row)


def _hours(day: date) -> tuple[datetime, datetime]:
    return trading_day_start(day), trading_day_start(day + _ONE_DAY)


def _day(row: RowMapping) -> ResultDay:
    values = {str(name): value for name, value in row.items() if name != "scope_id"}
    closed_at = values["last_closed_at"]
    return ResultDay(**values | {"last_closed_at": None if closed_at is None else from_datetime(closed_at)})


def _row(day: ResultDay) -> dict[str, object]:
    closed_at = day.last_closed_at
    return asdict(day) | {"last_closed_at": None if closed_at is None else to_datetime(closed_at)}


def _keys(scopes: Iterable[Scope]) -> dict[str, list[int]]:
    """Name scopes as the statements below take them, in the one order in which they are locked."""
    users = sorted(scope.user_id for scope in scopes if scope.recorder_id is None)
    return {"users": users, "recorder_ids": sorted(scope.recorder_id for scope in scopes if scope.recorder_id)}


_SCOPES = text(
    """
    SELECT id, user_id, recorder_id, settled_through, ARRAY(
        SELECT day FROM unsettled_days WHERE scope_id = id AND day <= settled_through
    ) AS gaps
    FROM result_scopes
    WHERE (recorder_id IS NULL AND user_id = ANY(CAST(:users AS bigint[])))
       OR recorder_id = ANY(CAST(:recorder_ids AS bigint[]))
    """
)
_STORED = text("SELECT * FROM result_days WHERE scope_id = ANY(CAST(:ids AS bigint[]))")
_UNDER_WAY = text(
    f"""
    SELECT DISTINCT r.user_id, r.id AS recorder_id, {DAY.format(at=f"({STARTED})")} AS day
    FROM recorder_positions p
    JOIN recorders r ON r.id = p.recorder_id
    WHERE p.status = 'open'
      AND (r.user_id = ANY(CAST(:users AS bigint[])) OR r.id = ANY(CAST(:recorder_ids AS bigint[])))
    """
)
# Adds what is missing and locks the rest, recorders first: whoever writes into days, and whoever settles them.
_LOCK_BOTH = """
    WITH of_recorders AS (
        INSERT INTO result_scopes (user_id, recorder_id)
        SELECT user_id, id FROM recorders WHERE id = ANY(CAST(:recorder_ids AS bigint[])) ORDER BY id
        ON CONFLICT (recorder_id) DO UPDATE SET user_id = excluded.user_id
    )
    INSERT INTO result_scopes (user_id) {users}
    ON CONFLICT (user_id) WHERE recorder_id IS NULL DO UPDATE SET user_id = excluded.user_id
"""
_LOCK = text(_LOCK_BOTH.format(users="SELECT * FROM unnest(CAST(:users AS bigint[]))"))
_LOCK_THOSE_OF = text(
    _LOCK_BOTH.format(
        users="SELECT DISTINCT user_id FROM recorders WHERE id = ANY(CAST(:recorder_ids AS bigint[])) ORDER BY user_id"
    )
)
_CONCERNED = """
    SELECT scope.id AS scope_id, concerned.day
    FROM unnest(CAST(:recorder_ids AS bigint[]), CAST(:days AS date[])) concerned(recorder_id, day)
    JOIN recorders r ON r.id = concerned.recorder_id
    JOIN result_scopes scope ON scope.recorder_id = r.id OR (scope.user_id = r.user_id AND scope.recorder_id IS NULL)
"""
_FORGET = text(
    f"""
    DELETE FROM result_days USING ({_CONCERNED}) changed
    WHERE result_days.scope_id = changed.scope_id AND result_days.day = changed.day
    """
)
_UNSETTLE = text(f"INSERT INTO unsettled_days (scope_id, day) {_CONCERNED} ON CONFLICT DO NOTHING")
_ADVANCE = text("UPDATE result_scopes SET settled_through = :through WHERE id = :id")
_CLOSE_GAPS = text(
    "DELETE FROM unsettled_days WHERE scope_id = :id AND day <= :through AND day <> ALL(CAST(:under_way AS date[]))"
)
_LEAVE_GAPS = text(
    "INSERT INTO unsettled_days (scope_id, day) SELECT :id, unnest(CAST(:gaps AS date[])) ON CONFLICT DO NOTHING"
)
_FIRST_OPENED = text(
    """
    SELECT min(p.opened_at) FROM recorder_positions p JOIN recorders r ON r.id = p.recorder_id
    WHERE r.user_id = ANY(CAST(:users AS bigint[])) OR r.id = ANY(CAST(:recorder_ids AS bigint[]))
    """
)
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
