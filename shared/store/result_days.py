"""What trading days came to, of all recorders of a user or of one: stored once settled, computed until then; read only.

A long history that nobody has settled yet (`shared.store.settling`) is not computed here.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from operator import attrgetter

from sqlalchemy import Connection, TextClause, text

from shared.domain.day_courses import days_of
from shared.domain.result_days import ResultDay
from shared.domain.timestamps import from_datetime
from shared.store.day_summaries import UNDER_WAY, Stretch, day_hours, day_queries
from shared.store.position_courses import Course, RememberedCourses
from shared.store.settling import last_day_over

# So many trades of days that are over are added up within a request, in a tenth or a fifth of a second.
MOST_OWED = 5_000
_BEGINNING = datetime(1, 1, 2, tzinfo=UTC)


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
    """Through which day the days of a scope are settled, and which of those are not; None: nobody settled any."""

    id: int | None = None
    through: date | None = None
    gaps: frozenset[date] = frozenset()

    @property
    def ends(self) -> datetime:
        """The first moment behind all that is settled."""
        return _BEGINNING if self.through is None else day_hours(self.through)[1]


def load_result_days(
    connection: Connection,
    scopes: Collection[Scope],
    courses: RememberedCourses,
    *,
    in_total: Collection[Scope] = (),
    most_owed: int = MOST_OWED,
) -> Mapping[Scope, Sequence[ResultDay]]:
    """Load every trading day that came to something, by scope, in their order; call it in one REPEATABLE READ.

    Of scopes that are `in_total`, as many of the first days as can be are one. A scope is missing while more than
    `most_owed` trades of days that are over wait to be settled.
    """
    settled = _load_settled(connection, scopes)
    owed = _owed(connection, settled)
    if _count_closings(connection, owed, at_most=most_owed + 1) > most_owed:
        settled = {scope: each for scope, each in settled.items() if scope not in owed}
    found: dict[Scope, list[ResultDay]] = {scope: [] for scope in settled}
    for days_of_scopes in (
        _load_days(connection, settled, in_total),
        _compute_gaps(connection, settled),
        _compute_the_rest(connection, settled, courses),
    ):
        for scope, day in days_of_scopes:
            found[scope].append(day)
    for days in found.values():
        days.sort(key=lambda each: each.day)
    return found


def _load_settled(connection: Connection, scopes: Collection[Scope]) -> dict[Scope, _Settled]:
    found = dict.fromkeys(scopes, _Settled())
    users = [scope.user_id for scope in scopes if scope.recorder_id is None]
    recorder_ids = [scope.recorder_id for scope in scopes if scope.recorder_id]
    for row in connection.execute(_SCOPES, {"users": users, "recorder_ids": recorder_ids}):
        scope = Scope(user_id=row.user_id, recorder_id=row.recorder_id)
        found[scope] = _Settled(id=row.id, through=row.settled_through, gaps=frozenset(row.gaps))
    return found


def _owed(connection: Connection, settled: Mapping[Scope, _Settled]) -> dict[Scope, tuple[datetime, datetime]]:
    """Find the scopes whose days could have been settled, each with the hours from the first to the last of these."""
    over = last_day_over()
    under_way = _load_under_way(connection, [each.id for each in settled.values() if each.id and each.gaps])
    owed = {}
    for scope, each in settled.items():
        hours = [day_hours(day) for day in each.gaps if (each.id, day) not in under_way]
        if each.through is None or each.through < over:
            hours.append((each.ends, day_hours(over)[1]))
        if hours:
            owed[scope] = (min(begins for begins, _ in hours), max(ends for _, ends in hours))
    return owed


def _load_under_way(connection: Connection, ids: Collection[int]) -> set[tuple[int, date]]:
    rows = connection.execute(_UNDER_WAY, {"ids": list(ids)}) if ids else ()
    return {(row.scope_id, row.day) for row in rows}


def _count_closings(connection: Connection, hours: Mapping[Scope, tuple[datetime, datetime]], *, at_most: int) -> int:
    """Count the trades that closed in these hours, no further than to `at_most`; a user's count for its recorders."""
    count = 0
    users = {scope: each for scope, each in hours.items() if scope.recorder_id is None}
    others = {scope: each for scope, each in hours.items() if Scope(user_id=scope.user_id) not in users}
    for chosen, query in ((users, _CLOSINGS_OF_USERS), (others, _CLOSINGS_OF_RECORDERS)):
        if chosen and count < at_most:
            parameters = {
                "owners": [scope.owner for scope in chosen],
                "begins": [begins for begins, _ in chosen.values()],
                "ends": [ends for _, ends in chosen.values()],
                "at_most": at_most - count,
            }
            count += connection.execute(query, parameters).scalar_one()
    return count


def _load_days(
    connection: Connection, settled: Mapping[Scope, _Settled], in_total: Collection[Scope]
) -> Iterator[tuple[Scope, ResultDay]]:
    scopes = {each.id: scope for scope, each in settled.items() if each.id is not None}
    totals = [key for key, scope in scopes.items() if scope in in_total]
    for query, ids in ((_STORED, list(scopes.keys() - totals)), (_TOTALS, totals), (_SINCE_TOTALS, totals)):
        for scope_id, day in _read_days(connection, query, {"ids": ids}) if ids else ():
            yield scopes[scope_id], day


def _compute_gaps(connection: Connection, settled: Mapping[Scope, _Settled]) -> Iterator[tuple[Scope, ResultDay]]:
    """Compute the days that are not settled although later ones are."""
    scopes = list(settled)
    stretches = [
        Stretch(scope_id=number, user_id=scope.user_id, recorder_id=scope.recorder_id, begins=begins, ends=ends)
        for number, scope in enumerate(scopes)
        for begins, ends in map(day_hours, settled[scope].gaps)
    ]
    for query, parameters in day_queries(stretches):
        for number, day in _read_days(connection, text(query), parameters):
            yield scopes[number], day


def _compute_the_rest(
    connection: Connection, settled: Mapping[Scope, _Settled], courses: RememberedCourses
) -> Iterator[tuple[Scope, ResultDay]]:
    """Compute all that comes behind the settled days."""
    by_end = sorted(settled, key=lambda scope: settled[scope].ends)
    for since, group in groupby(by_end, key=lambda scope: settled[scope].ends):
        scopes = {(scope.user_id, scope.recorder_id): scope for scope in group}
        users = {user_id for user_id, _ in scopes} if any(recorder_id is None for _, recorder_id in scopes) else ()
        moved: dict[tuple[int, int | None], list[Course]] = {owner: [] for owner in scopes}
        recorder_ids = [recorder_id for _, recorder_id in scopes if recorder_id is not None]
        for course in courses.load(connection, since, users=users, recorder_ids=recorder_ids):
            for owner in ((course.user_id, None), (course.user_id, course.recorder_id)):
                if owner in moved:
                    moved[owner].append(course)
        for key, scope in scopes.items():
            for day in _days_since(from_datetime(since), moved[key]):
                yield scope, day


def _days_since(since: int, courses: Sequence[Course]) -> Iterator[ResultDay]:
    for currency, of_currency in groupby(sorted(courses, key=attrgetter("currency")), key=attrgetter("currency")):
        same = list(of_currency)
        yield from days_of(
            currency,
            [result for course in same for result in course.results if result.exited_at >= since],
            [move for course in same for move in course.moves if move.at >= since],
        )


def _read_days(
    connection: Connection, query: TextClause, parameters: Mapping[str, object]
) -> Iterator[tuple[int, ResultDay]]:
    """Execute a query whose columns are a scope's id and what a day of it came to."""
    answer = connection.execute(query, parameters)
    names = list(answer.keys())[1:]
    for scope_id, *values in answer:
        day = dict(zip(names, values, strict=True))
        if day["last_closed_at"] is not None:
            day["last_closed_at"] = from_datetime(day["last_closed_at"])
        yield scope_id, ResultDay(**day)


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
_TOTALS = text("SELECT * FROM result_totals WHERE scope_id = ANY(CAST(:ids AS bigint[]))")
_SINCE_TOTALS = text(
    """
    SELECT result_days.* FROM result_scopes scope
    JOIN result_days ON scope_id = scope.id AND day > coalesce(total_through, '-infinity')
    WHERE scope.id = ANY(CAST(:ids AS bigint[]))
    """
)
_UNDER_WAY = text(f"SELECT * FROM ({UNDER_WAY}) under_way WHERE scope_id = ANY(CAST(:ids AS bigint[]))")
# A recorder's trades of some time are next to each other in an index; the inner limit keeps the planner from others.
_CLOSINGS = """
    SELECT count(*) FROM (
        SELECT 1
        FROM unnest(
            CAST(:owners AS bigint[]), CAST(:begins AS timestamptz[]), CAST(:ends AS timestamptz[])
        ) wanted(owner, begins, ends)
        JOIN recorders r ON {is_of_owner}
        CROSS JOIN LATERAL (
            SELECT 1 FROM recorded_trades
            WHERE recorder_id = r.id AND exit_time >= begins AND exit_time < ends LIMIT :at_most
        ) closings
        LIMIT :at_most
    ) found
"""
_CLOSINGS_OF_USERS = text(_CLOSINGS.format(is_of_owner="r.user_id = owner"))
_CLOSINGS_OF_RECORDERS = text(_CLOSINGS.format(is_of_owner="r.id = owner"))
