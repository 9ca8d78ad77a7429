"""Sums of trading days, held against the same figures from single trades and legs."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from threading import Thread

import pytest
from sqlalchemy import Connection, Engine, Table, delete, func, insert, select, update

from shared.domain.performance import Result
from shared.domain.result_days import ResultDay, curve_of_days, drawdown_of_days, summarize_days
from shared.domain.timestamps import from_datetime
from shared.domain.trades import Leg
from shared.domain.trading_day import trading_day
from shared.store.audit_rows import begin_snapshot
from shared.store.position_courses import RememberedCourses
from shared.store.recorders import delete_recorder
from shared.store.result_days import Scope, load_result_days
from shared.store.settling import add_scopes, settle_piece, unsettle_days
from shared.store.tables import position_legs, recorder_positions, result_days, result_scopes
from shared.store.voiding import void_positions
from tests.recorded_rows import Rows, add_recorder, add_user
from tests.single_results import Course, summarize_trades, tick_drawdown

LONG_AGO = datetime(2026, 3, 6, 15, 0, tzinfo=UTC)  # the clocks change two days later
ENTRY = Decimal(25600)


class History:
    """Positions of one recorder, in the database and as values."""

    def __init__(self, rows: Rows, chance: random.Random) -> None:
        self.rows, self.chance = rows, chance
        self.courses: list[Course] = []
        self.results: list[Result] = []

    @property
    def scope(self) -> Scope:
        return Scope(user_id=self.rows.user_id, recorder_id=self.rows.recorder_id)

    def add(self, *, began: datetime, is_open: bool = False) -> None:
        """Add a position of one to three legs; the last one of an open position is under way."""
        chance = self.chance
        gaps = [timedelta(microseconds=chance.randint(0, 10**11)) for _ in range(chance.randint(1, 3))]
        moments = list(accumulate(gaps, initial=began))
        booked = [self.cents() for _ in gaps]
        before = list(accumulate(booked, initial=Decimal(0)))
        lows = [each - abs(self.cents()) for each in before[:-1]]
        ticks, gap = chance.choice([0, 7]), chance.choice([Decimal(0), Decimal("3.5")])
        ended = len(gaps) - 1 if is_open else len(gaps)
        moved = (ENTRY - (before[ended] - lows[ended]) / 2) if is_open else ENTRY
        position_id = self.rows.position(
            opened_at=began,
            total_quantity=1 if is_open else 0,
            realized_pnl=before[ended],
            totals={"leg": ended + 1, "leg_started_at": from_datetime(moments[ended])},
            lowest_since_fill=moved,
            highest_since_fill=ENTRY,
            ticks_seen=ticks,
            gap_seconds=gap,
            **({} if is_open else {"status": "closed", "closed_at": moments[-1], "exit_price": ENTRY, "entries": []}),
        )
        legs = [
            self._leg(number, before[number - 1], lows[number - 1], stretch)
            for number, stretch in enumerate(pairwise(moments), start=1)
        ]
        for leg, (started, ended_at) in zip(legs[:ended], pairwise(moments), strict=False):
            self._insert(position_id, leg, started, ended_at)
        for moment, pnl in zip(moments[1 : ended + 1], booked, strict=False):
            self._trade(position_id, moment, pnl)
        closed_at = None if is_open else from_datetime(moments[-1])
        self.courses.append(
            Course(
                number=position_id,
                legs=legs,
                realized_pnl=before[ended],
                closed_at=closed_at,
                ticks_seen=ticks,
                gap_seconds=gap,
            )
        )

    def cents(self) -> Decimal:
        return Decimal(self.chance.randint(-9999, 9999)) / 100

    def _leg(self, number: int, before: Decimal, lowest: Decimal, stretch: tuple[datetime, datetime]) -> Leg:
        return Leg(
            number=number,
            quantity=1,
            realized_before=before,
            lowest_result=lowest,
            highest_result=Decimal(10_000),
            started_at=from_datetime(stretch[0]),
            ended_at=from_datetime(stretch[1]),
        )

    def _insert(self, position_id: int, leg: Leg, started: datetime, ended: datetime) -> None:
        row = {name: getattr(leg, name) for name in ("number", "quantity", "realized_before", "lowest_result")}
        row |= {"highest_result": leg.highest_result, "started_at": started, "ended_at": ended}
        self.rows.connection.execute(insert(position_legs).values(position_id=position_id, **row))

    def _trade(self, position_id: int, moment: datetime, pnl: Decimal) -> None:
        facts = {"exit_price": ENTRY, "pnl_ticks": pnl, "commission": Decimal(0), "exit_reason": "tp"}
        self.rows.trade(position_id, status="closed", exit_time=moment, pnl=pnl, **facts)
        self.results.append(Result(exited_at=from_datetime(moment), pnl=pnl))


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


def histories(connection: Connection, seed: int) -> list[History]:
    """Three recorders of one user, over ten days, some of whose positions are still open."""
    chance = random.Random(seed)
    user_id = add_user(connection, f"user {seed} {id(connection)}")
    made = [History(add_recorder(connection, user_id, name, symbol="MNQ1!"), chance) for name in ("a", "b", "c")]
    for history in made:
        for _ in range(9):
            history.add(began=LONG_AGO + timedelta(minutes=chance.randint(0, 10 * 1440)))
    made[1].add(began=LONG_AGO + timedelta(minutes=chance.randint(0, 10 * 1440)), is_open=True)
    made[2].add(began=datetime.now(UTC) - timedelta(minutes=3), is_open=True)
    connection.commit()
    return made


def loaded(
    connection: Connection,
    scopes: Sequence[Scope],
    *,
    in_total: bool = False,
    courses: RememberedCourses | None = None,
) -> dict[Scope, Sequence[ResultDay]]:
    connection.rollback()
    begin_snapshot(connection)
    days = load_result_days(
        connection, scopes, RememberedCourses() if courses is None else courses, in_total=scopes if in_total else ()
    )
    connection.rollback()
    return {scope: [day for day in of_scope if day.currency == "USD"] for scope, of_scope in days.items()}


def settle(connection: Connection) -> None:
    add_scopes(connection)
    connection.commit()
    while settle_piece(connection):
        connection.commit()
    connection.commit()


def count(connection: Connection, table: Table) -> int:
    rows: int = connection.execute(select(func.count()).select_from(table)).scalar_one()
    return rows


def assert_equal(days: Sequence[ResultDay], made: Sequence[History]) -> None:
    results = [result for history in made for result in history.results]
    courses = [course for history in made for course in history.courses]
    performance = summarize_days(days)
    assert performance == summarize_trades(results)
    assert drawdown_of_days(days) == tick_drawdown(courses)
    curve = curve_of_days(days)
    assert curve[-1].equity == performance.net_profit
    assert -min(point.underwater for point in curve) == performance.closed_drawdown


@pytest.mark.parametrize("seed", range(6))
def test_days_come_to_what_their_trades_and_legs_come_to_settled_or_not(connection: Connection, seed: int) -> None:
    made = histories(connection, seed)
    everything, single = Scope(user_id=made[0].rows.user_id), [history.scope for history in made]
    scopes = [everything, *single]

    before, computed = count(connection, result_days), loaded(connection, scopes)
    settle(connection)
    stored, totals = loaded(connection, scopes), loaded(connection, scopes, in_total=True)

    assert count(connection, result_days) > before
    assert stored == computed
    assert_equal(stored[everything], made)
    for history in made:
        assert_equal(stored[history.scope], [history])
    assert len(totals[single[0]]) == 1
    for scope in scopes:
        assert len(totals[scope]) <= len(stored[scope])
        assert summarize_days(totals[scope]) == summarize_days(stored[scope])
        assert drawdown_of_days(totals[scope]) == drawdown_of_days(stored[scope])


def test_what_is_written_into_a_settled_day_counts_at_once(connection: Connection) -> None:
    made = histories(connection, 100)
    scopes = [Scope(user_id=made[0].rows.user_id), made[0].scope]
    settle(connection)

    made[0].add(began=LONG_AGO + timedelta(days=2))
    connection.commit()

    for _ in ("unsettled", "settled"):
        for in_total in (False, True):
            days = loaded(connection, scopes, in_total=in_total)[scopes[0]]
            assert drawdown_of_days(days) == tick_drawdown([course for each in made for course in each.courses])
        assert_equal(loaded(connection, scopes)[scopes[0]], made)
        settle(connection)


def test_what_is_remembered_of_positions_ends_with_the_version_of_their_rows(connection: Connection) -> None:
    made = histories(connection, 108)
    scopes = [Scope(user_id=made[0].rows.user_id), *(history.scope for history in made)]
    courses = RememberedCourses()
    loaded(connection, scopes, courses=courses)

    close_positions(connection, made[2].scope)
    made[0].add(began=LONG_AGO + timedelta(days=2))
    void_positions(connection, [made[0].courses[0].number], made[0].rows.signal())
    connection.commit()

    assert loaded(connection, scopes, courses=courses) == loaded(connection, scopes)


def test_what_ticks_write_of_open_positions_counts_although_they_make_no_version(connection: Connection) -> None:
    made = histories(connection, 109)
    scope, courses, row = made[2].scope, RememberedCourses(), recorder_positions.c
    before = loaded(connection, [scope], courses=courses)

    fell = {"lowest_since_fill": ENTRY - 10_000}
    held = row.recorder_id == scope.recorder_id, row.status == "open"
    connection.execute(update(recorder_positions).where(*held).values(fell))
    connection.commit()

    after = loaded(connection, [scope], courses=courses)
    assert drawdown_of_days(after[scope]).amount > drawdown_of_days(before[scope]).amount
    assert after == loaded(connection, [scope])


def test_no_more_positions_are_remembered_than_there_is_room_for(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = histories(connection, 110)
    courses = RememberedCourses()
    monkeypatch.setattr("shared.store.position_courses.MOST_REMEMBERED", 15)

    for history in (*made, *made):
        assert loaded(connection, [history.scope], courses=courses) == loaded(connection, [history.scope])

    assert 0 < len(courses) <= 15


def test_scopes_that_are_settled_to_different_days_are_loaded_together(connection: Connection) -> None:
    made = histories(connection, 111)
    settle(connection)
    news = History(add_recorder(connection, made[0].rows.user_id, "new", symbol="MNQ1!"), made[0].chance)
    news.add(began=datetime.now(UTC) - timedelta(minutes=5), is_open=True)
    connection.execute(delete(result_scopes).where(result_scopes.c.recorder_id == news.rows.recorder_id))
    connection.commit()
    scopes = [Scope(user_id=news.rows.user_id), made[0].scope, news.scope]

    days = loaded(connection, scopes)

    assert_equal(days[scopes[0]], [*made, news])
    assert_equal(days[made[0].scope], [made[0]])
    assert drawdown_of_days(days[news.scope]) == tick_drawdown(news.courses)


def test_a_long_history_is_not_added_up_within_a_request(connection: Connection) -> None:
    made = histories(connection, 104)
    everything = Scope(user_id=made[0].rows.user_id)
    idle = add_recorder(connection, everything.user_id, "idle", symbol="MNQ1!")
    scopes = [everything, made[0].scope, Scope(user_id=everything.user_id, recorder_id=idle.recorder_id)]
    connection.commit()

    at_first = load_result_days(connection, scopes, RememberedCourses(), most_owed=5)
    settle(connection)
    later = load_result_days(connection, scopes, RememberedCourses(), most_owed=5)

    assert not at_first
    assert later.keys() == set(scopes)
    assert_equal([day for day in later[everything] if day.currency == "USD"], made)


def test_the_days_of_legs_under_way_owe_nothing(connection: Connection) -> None:
    made = histories(connection, 105)
    scope = made[1].scope
    settle(connection)

    assert scope in load_result_days(connection, [scope], RememberedCourses(), most_owed=0)


def test_of_two_who_settle_one_does_it(connection: Connection, engine: Engine) -> None:
    histories(connection, 107)
    add_scopes(connection)
    connection.commit()

    assert settle_piece(connection)
    with engine.begin() as other:
        assert not settle_piece(other)
    connection.rollback()


def test_the_day_of_a_leg_under_way_is_settled_when_it_has_ended(connection: Connection) -> None:
    made = histories(connection, 101)
    scope = made[1].scope
    settle(connection)
    started = trading_day(datetime.fromtimestamp(made[1].courses[-1].legs[-1].started_at / 1e9, UTC))

    assert stored_days(connection, scope)
    assert started not in stored_days(connection, scope)
    assert started in {day.day for day in loaded(connection, [scope])[scope]}

    close_positions(connection, scope)
    settle(connection)

    assert started in stored_days(connection, scope)


def stored_days(connection: Connection, scope: Scope) -> set[date]:
    of_scope = select(result_scopes.c.id).where(result_scopes.c.recorder_id == scope.recorder_id).scalar_subquery()
    return set(connection.execute(select(result_days.c.day).where(result_days.c.scope_id == of_scope)).scalars())


def close_positions(connection: Connection, scope: Scope) -> None:
    """Close them now, as a fold does whose other days were known: the leg that ends writes into no day that is over."""
    row = recorder_positions.c
    closed = {"status": "closed", "total_quantity": 0, "closed_at": datetime.now(UTC), "exit_price": ENTRY}
    closed["version"] = row.version + 1
    connection.execute(
        update(recorder_positions).where(row.recorder_id == scope.recorder_id, row.status == "open").values(closed)
    )
    connection.commit()


def test_a_recorder_that_is_deleted_leaves_the_days_of_the_others(connection: Connection) -> None:
    made = histories(connection, 102)
    everything = Scope(user_id=made[0].rows.user_id)
    settle(connection)

    assert delete_recorder(connection, made[0].rows.user_id, made[0].rows.recorder_id)
    connection.commit()

    assert_equal(loaded(connection, [everything])[everything], made[1:])


def test_who_settles_a_day_waits_for_who_writes_into_it(connection: Connection, engine: Engine) -> None:
    made = histories(connection, 103)
    everything = Scope(user_id=made[0].rows.user_id)
    connection.rollback()
    unsettle_days(connection, {made[0].rows.recorder_id: [trading_day(LONG_AGO)]})
    made[0].add(began=LONG_AGO)
    settler = Thread(target=_settle, args=(engine,))
    settler.start()
    settler.join(0.3)
    assert settler.is_alive()

    connection.commit()
    settler.join()

    assert_equal(loaded(connection, [everything])[everything], made)


def _settle(engine: Engine) -> None:
    with engine.connect() as connection:
        settle(connection)
