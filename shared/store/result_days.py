"""What trading days came to, of all recorders of a user or of one: stored once settled, computed until then; read only.

A long history that nobody has settled yet (`shared.store.settling`) is not computed here.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Connection, RowMapping, text

from shared.domain.result_days import ResultDay
from shared.domain.timestamps import from_datetime
from shared.store.day_summaries import UNDER_WAY, Stretch, day_hours, day_queries
from shared.store.settling import last_day_over

# So many trades of days that are over are added up within a request, in a tenth or a fifth of a second.
MOST_OWED = 5_000
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
    """Through which day the days of a scope are settled, and which of those are not; None: nobody settled any."""

    id: int | None = None
    through: date | None = None
    gaps: frozenset[date] = frozenset()

    @property
    def ends(self) -> datetime:
        """The first moment behind all that is settled."""
        return _BEGINNING if self.through is None else day_hours(self.through)[1]


def load_result_days(
    connection: Connection, scopes: Collection[Scope], *, in_total: bool = False, most_owed: int = MOST_OWED
) -> Mapping[Scope, Sequence[ResultDay]]:
    """Load every trading day that came to something, by scope, in their order; call it in one REPEATABLE READ.

    `in_total` makes one of as many of the first as can be. A scope is missing while more than `most_owed` trades of
    days that are over wait to be settled.
    """
    settled = _load_settled(connection, scopes)
    owed = _owed(connection, settled)
    if _count_closings(connection, owed, at_most=most_owed + 1) > most_owed:
        settled = {scope: each for scope, each in settled.items() if scope not in owed}
    found: dict[Scope, list[ResultDay]] = {scope: [] for scope in settled}
    for scope, day in [*_load_days(connection, settled, in_total=in_total), *_compute_days(connection, settled)]:
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
    """Count the trades that closed in these hours, no further than to `at_most`."""
    count = 0
    for of_users, query in ((True, _CLOSINGS_OF_USERS), (False, _CLOSINGS_OF_RECORDERS)):
        chosen = {scope: each for scope, each in hours.items() if (scope.recorder_id is None) == of_users}
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
    connection: Connection, settled: Mapping[Scope, _Settled], *, in_total: bool
) -> Iterator[tuple[Scope, ResultDay]]:
    scopes = {each.id: scope for scope, each in settled.items() if each.id is not None}
    for query in (_TOTALS, _SINCE_TOTALS) if in_total else (_STORED,):
        for row in connection.execute(query, {"ids": list(scopes)}).mappings():
            yield scopes[row["scope_id"]], _day(row)


def _compute_days(connection: Connection, settled: Mapping[Scope, _Settled]) -> Iterator[tuple[Scope, ResultDay]]:
    """Compute what is not settled: gaps, and all that comes behind the settled days."""
    scopes = list(settled)
    stretches = [
        Stretch(scope_id=number, user_id=scope.user_id, recorder_id=scope.recorder_id, begins=begins, ends=ends)
        for number, scope in enumerate(scopes)
        for begins, ends in [*map(day_hours, settled[scope].gaps), (settled[scope].ends, _END)]
    ]
    for query, parameters in day_queries(stretches):
        for row in connection.execute(text(query), parameters).mappings():
            yield scopes[row["scope_id"]], _day(row)


def _day(row: RowMapping) -> ResultDay:
    values = {str(name): value for name, value in row.items() if name != "scope_id"}
    closed_at = values["last_closed_at"]
    return ResultDay(**values | {"last_closed_at": None if closed_at is None else from_datetime(closed_at)})


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
