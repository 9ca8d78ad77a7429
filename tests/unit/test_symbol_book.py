"""The book of one symbol: which positions a tick concerns, what a flush may count, and what may be forgotten."""

import gc
import random
import tracemalloc
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.tpsl_worker.book import SymbolBook
from shared.domain.accounting import open_position
from shared.domain.contracts import Contract
from shared.domain.exit_rules import AverageDownRule, BreakEvenRule, Distance, ExitRules, TargetRule, TrailRule
from shared.domain.fold import advance
from shared.domain.position import Position
from shared.domain.symbols import ResolvedSymbol
from shared.domain.ticks import GapMark, LogEntry, PriceTick, RollMark
from shared.domain.trades import LONG, SHORT, Fill
from shared.store.positions import StoredPosition
from shared.store.watched_positions import WatchedPosition

CONTRACT = Contract(
    root="MNQ",
    kind="future",
    exchange="CME",
    name="Micro Nasdaq",
    tick_size=Decimal("0.25"),
    multiplier=Decimal(2),
    currency="USD",
)
NOBODY = 1_000
STOP_4 = ExitRules(stop=Distance(kind="ticks", value=Decimal(4)))
TARGET_4 = ExitRules(targets=(TargetRule(distance=Distance(kind="ticks", value=Decimal(4))),))
MARGIN = 0.25


def ticks_away(count: int) -> Distance:
    return Distance(kind="ticks", value=Decimal(count))


TRAIL_4 = ExitRules(stop=ticks_away(4), trail=TrailRule(trigger_ticks=Decimal(0), step_ticks=1))
LATE_TRAIL_8 = ExitRules(stop=ticks_away(8), trail=TrailRule(trigger_ticks=Decimal(6), step_ticks=3))
BREAK_EVEN = ExitRules(break_even=BreakEvenRule(trigger_ticks=Decimal(3), offset_ticks=Decimal(1)))
ALL_THAT_MOVES = replace(
    LATE_TRAIL_8,
    break_even=BREAK_EVEN.break_even,
    average_down=AverageDownRule(distance=ticks_away(3), quantity=1, max_contracts=3),
)
MOVING = [TRAIL_4, LATE_TRAIL_8, BREAK_EVEN, ALL_THAT_MOVES]


def tick(place: int, price: str | int | Decimal) -> PriceTick:
    return PriceTick(symbol="MNQ1!", place=place, occurred_at=place * 1000, price=Decimal(price))


def gap(place: int, seconds: str = "0.000001") -> GapMark:
    return GapMark(symbol="MNQ1!", place=place, occurred_at=place * 1000, gap_seconds=Decimal(seconds))


def roll_by(place: int, difference: int) -> RollMark:
    return RollMark(symbol="MNQ1!", place=place, occurred_at=place * 1000, difference=Decimal(difference))


def opened(place: int, price: str | int = 100, *, rules: ExitRules | None = None, **changes: Any) -> Position:
    made = open_position(
        Fill(quantity=1, price=Decimal(price), occurred_at=place * 1000),
        ResolvedSymbol(symbol="MNQ1!", contract=CONTRACT),
        direction=changes.pop("direction", LONG),
        rules=rules or ExitRules(),
        place=place,
        last_price=changes.pop("last_price", Decimal(price)),
    )
    return replace(made, **changes)


def stored(position: Position, *, number: int = 1, version: int = 1) -> StoredPosition:
    return StoredPosition(id=number, recorder_id=number + NOBODY, version=version, position=position)


def flushed(book: SymbolBook, now: float, limit: int = 100, rewritten_after: float = 1) -> list[WatchedPosition]:
    """Flush as the monitor does, with a database that takes it."""
    book.settle(now - MARGIN)
    counted = book.count_settled(limit, now, rewritten_after=rewritten_after)
    book.note_written(counted, now)
    return counted


def written(counted: WatchedPosition, row: StoredPosition) -> StoredPosition:
    """What the row says once what was counted is written."""
    names = "stretch worst_pnl worst_price worst_at best_pnl best_at ticks_seen place last_price best_tick".split()
    position = replace(row.position, **{name: getattr(counted, name) for name in names})
    return replace(row, position=position)


class TestExits:
    def test_a_tick_at_a_level_makes_its_position_due_up_to_that_tick(self) -> None:
        book = SymbolBook(start=1)
        book.hold(stored(opened(1, rules=STOP_4)), now=0)
        book.push([tick(2, "99.25")], now=0)
        assert book.due == {}
        book.push([tick(3, "99.00")], now=0)
        book.push([tick(4, "90")], now=0)
        assert book.due == {1: 3}

    def test_a_tick_concerns_only_those_whose_level_it_reaches(self) -> None:
        book = SymbolBook(start=1)
        for number in range(1, 10):
            book.hold(stored(opened(1, 100 + number, rules=STOP_4), number=number), now=0)
        book.push([tick(2, 103)], now=0)
        assert sorted(book.due) == [4, 5, 6, 7, 8, 9]

    def test_an_overdue_level_is_due_at_the_first_tick_whatever_its_price(self) -> None:
        book = SymbolBook(start=1)
        book.hold(stored(opened(1, rules=STOP_4, last_price=Decimal(90))), now=0)
        assert book.due == {}
        book.push([tick(2, 500)], now=0)
        assert book.due == {1: 2}

    @pytest.mark.parametrize("rules", [STOP_4, TARGET_4])
    @pytest.mark.parametrize("direction", [LONG, SHORT])
    def test_a_position_that_becomes_known_after_its_level_was_reached_is_due_at_once(
        self, rules: ExitRules, direction: int
    ) -> None:
        book = SymbolBook(start=1)
        for place, price in enumerate((100, 90, 110, 100), start=2):
            book.push([tick(place, price)], now=0)
        book.hold(stored(opened(2, rules=rules, direction=direction)), now=0)
        assert book.due == {1: 5}

    def test_what_came_before_a_position_does_not_concern_it(self) -> None:
        book = SymbolBook(start=1)
        book.push([tick(2, 90)], now=0)
        book.push([tick(3, 100)], now=0)
        book.hold(stored(opened(2, rules=STOP_4)), now=0)
        assert book.due == {}
        book.push([tick(4, 99)], now=0)
        assert book.due == {1: 4}

    def test_a_position_from_before_the_books_memory_is_asked_for_up_to_where_that_begins(self) -> None:
        book = SymbolBook(start=10)
        book.push([tick(11, 100)], now=0)
        book.hold(stored(opened(9)), now=0)
        assert book.due == {1: 10}
        assert flushed(book, now=9) == []
        book.hold(stored(opened(10), version=2), now=0)
        assert book.due == {}

    def test_what_is_due_stays_due_until_the_position_is_replaced_or_dropped(self) -> None:
        book = SymbolBook(start=1)
        for number in (1, 2):
            book.hold(stored(opened(1, rules=STOP_4), number=number), now=0)
        book.push([tick(2, 90)], now=0)
        book.push([tick(3, 100)], now=0)
        assert flushed(book, now=9) == []
        assert sorted(book.due) == [1, 2]
        book.hold(stored(opened(3, rules=STOP_4), version=2), now=0)
        book.drop(2)
        assert book.due == {}
        book.push([tick(4, 98)], now=0)
        assert book.due == {1: 4}

    def test_a_level_that_moved_is_not_reached_where_it_was(self) -> None:
        book = SymbolBook(start=1)
        book.hold(stored(opened(1, 100, rules=STOP_4)), now=0)
        book.hold(stored(opened(1, 50, rules=STOP_4), version=2), now=0)
        book.push([tick(2, 99)], now=0)
        assert book.due == {}
        assert book.versions == {1: 2}

    def test_a_position_that_was_dropped_costs_nothing(self) -> None:
        book = SymbolBook(start=1)
        for number in range(1, 501):
            book.hold(stored(opened(1, rules=STOP_4), number=number), now=0)
        for number in range(1, 501):
            book.drop(number)
        book.drop(77)
        book.push([tick(2, 90)], now=0)
        assert (len(book), book.due, book.versions) == (0, {}, {})
        assert flushed(book, now=9, limit=1000) == []
        assert (len(book._visited_at), len(book._changed)) == (0, 0)


class TestExitsThatMove:
    def test_a_new_best_price_makes_nobody_due_and_moves_the_stop_all_the_same(self) -> None:
        book = SymbolBook(start=1)
        book.hold(stored(opened(1, rules=TRAIL_4)), now=0)
        for place in range(2, 50):
            book.push([tick(place, 99 + place)], now=0)
        assert book.due == {}
        book.push([tick(50, "147.25")], now=0)
        assert book.due == {}
        book.push([tick(51, "147.00")], now=0)
        assert book.due == {1: 51}

    def test_the_position_that_saw_the_best_price_is_stopped_first(self) -> None:
        book = SymbolBook(start=1)
        book.hold(stored(opened(1, rules=TRAIL_4), number=1), now=0)
        book.push([tick(2, 110)], now=0)
        book.push([tick(3, "109.50")], now=0)
        book.hold(stored(opened(3, "109.50", rules=TRAIL_4), number=2), now=0)
        book.push([tick(4, 109)], now=0)
        assert book.due == {1: 4}
        book.push([tick(5, "108.50")], now=0)
        assert book.due == {1: 4, 2: 5}

    def test_break_even_moves_the_stop_without_the_fold_though_the_price_was_lower_before(self) -> None:
        book = SymbolBook(start=1)
        book.hold(stored(opened(1, rules=BREAK_EVEN)), now=0)
        book.push([tick(2, "98"), tick(3, "100.75"), tick(4, "100.50")], now=0)
        assert (book.triggered, book.due) == ({1: 3}, {})
        book.hold(stored(opened(1, rules=BREAK_EVEN)), now=0)
        assert (book.triggered, book.due) == ({}, {})
        book.push([tick(5, "100.25")], now=0)
        assert book.due == {1: 5}

    def test_a_stop_that_begins_to_trail_late_is_followed_from_then_on(self) -> None:
        book = SymbolBook(start=1)
        book.hold(stored(opened(1, rules=LATE_TRAIL_8)), now=0)
        for place, price in enumerate(("101.25", "99", "101.50", "100.25"), start=2):
            book.push([tick(place, price)], now=0)
        assert (book.triggered, book.due) == ({1: 4}, {})
        book.hold(stored(opened(1, rules=LATE_TRAIL_8)), now=0)
        assert (book.triggered, book.due) == ({}, {})
        book.push([tick(6, "99.50")], now=0)
        assert book.due == {1: 6}

    def test_what_was_flushed_in_between_does_not_lose_the_best_price(self) -> None:
        book, row = SymbolBook(start=1), stored(opened(1, rules=TRAIL_4))
        book.hold(row, now=0)
        book.push([tick(2, 110)], now=0)
        (counted,) = flushed(book, now=1)
        assert counted.best_tick == 110
        again = SymbolBook(start=2)
        again.hold(written(counted, row), now=1)
        again.push([tick(3, 109)], now=1)
        assert again.due == {1: 3}

    def test_the_first_tick_at_the_end_of_the_session_makes_a_position_due(self) -> None:
        book = SymbolBook(start=1)
        book.hold(stored(ending_at(4, opened(1))), now=0)
        book.push([tick(2, 100)], now=0)
        book.push([tick(3, 100)], now=0)
        assert book.due == {}
        book.push([tick(4, 100)], now=0)
        assert book.due == {1: 4}


class TestRolls:
    def test_a_roll_makes_every_position_due_and_stops_nobody_out(self) -> None:
        book = SymbolBook(start=1)
        position = opened(1, rules=TRAIL_4)
        book.hold(stored(position), now=0)
        book.push([tick(2, 110)], now=0)
        book.push([roll_by(3, -50)], now=0)
        assert book.due == {1: 3}
        rolled = advance(position, [tick(2, 110), roll_by(3, -50)])
        book.hold(stored(rolled, version=2), now=0)
        book.push([tick(4, "59.25")], now=0)
        assert book.due == {}
        book.push([tick(5, "59.00")], now=0)
        assert book.due == {1: 5}

    def test_a_position_that_becomes_known_after_a_roll_is_taken_through_it_first(self) -> None:
        book = SymbolBook(start=1)
        book.push([tick(2, 100)], now=0)
        book.push([roll_by(3, -50)], now=0)
        book.push([tick(4, 50)], now=0)
        book.hold(stored(opened(2, rules=TRAIL_4)), now=0)
        assert book.due == {1: 3}


class TestFlush:
    def test_a_flush_stays_behind_the_newest_tick_by_the_margin(self) -> None:
        book = SymbolBook(start=1)
        book.hold(stored(opened(1)), now=0)
        book.push([tick(2, 99)], now=10.0)
        book.push([tick(3, 98)], now=10.1)
        assert flushed(book, now=10.2) == []
        (counted,) = flushed(book, now=10.3)
        assert (counted.place, counted.worst_pnl, counted.ticks_seen) == (2, -2, 1)
        (counted,) = flushed(book, now=10.4)
        assert (counted.place, counted.worst_pnl) == (3, -4)

    def test_the_last_ticks_of_a_symbol_that_falls_quiet_are_still_written(self) -> None:
        book = SymbolBook(start=1)
        book.hold(stored(opened(1)), now=0)
        book.push([tick(2, 102)], now=0)
        assert len(flushed(book, now=MARGIN)) == 1
        book.push([tick(3, 101)], now=MARGIN)
        assert flushed(book, now=2 * MARGIN) == []
        (counted,) = flushed(book, now=MARGIN + 1)
        assert (counted.place, counted.ticks_seen) == (3, 2)
        assert flushed(book, now=60) == []

    def test_the_place_moves_on_after_a_while_though_the_extremes_do_not(self) -> None:
        book = SymbolBook(start=1)
        for number in range(1, 801):
            book.hold(stored(opened(1), number=number), now=0)
        written_at: dict[int, list[int]] = {number: [] for number in range(1, 801)}
        for second in range(1, 61):
            book.push([tick(1 + second, 100)], now=second)
            for each in flushed(book, now=second + MARGIN, limit=100, rewritten_after=10):
                written_at[each.id].append(second)
        for seconds in written_at.values():
            assert max(later - earlier for earlier, later in pairwise([0, *seconds, 60])) <= 10 + 800 / 100
            assert len(seconds) < 7

    def test_what_the_database_did_not_take_stays_worth_writing(self) -> None:
        book = SymbolBook(start=1)
        book.hold(stored(opened(1)), now=0)
        book.push([tick(2, 99)], now=0)
        book.settle(1)
        for _ in range(3):
            assert [each.place for each in book.count_settled(10, now=1, rewritten_after=1)] == [2]
        book.note_written(book.count_settled(10, now=1, rewritten_after=1), now=1)
        assert book.count_settled(10, now=1, rewritten_after=1) == []

    def test_positions_take_turns(self) -> None:
        book = SymbolBook(start=1)
        for number in range(1, 8):
            book.hold(stored(opened(1), number=number), now=0)
        book.push([tick(2, 99)], now=0)
        rounds = [[each.id for each in flushed(book, now=MARGIN, limit=3)] for _ in range(3)]
        assert rounds == [[1, 2, 3], [4, 5, 6], [7]]

    def test_only_those_with_a_new_extreme_are_written_at_once(self) -> None:
        book = SymbolBook(start=1)
        book.hold(stored(opened(1, 100)), now=0)
        book.hold(stored(opened(1, 90), number=2), now=0)
        book.push([tick(2, 95)], now=0)
        assert [each.id for each in flushed(book, now=MARGIN)] == [1, 2]
        book.push([tick(3, 91)], now=MARGIN)
        assert [each.id for each in flushed(book, now=2 * MARGIN)] == [1]

    def test_rows_that_grow_old_together_are_written_a_part_at_a_time(self) -> None:
        book = SymbolBook(start=1)
        for number in range(1, 8):
            book.hold(stored(opened(1), number=number), now=0)
        book.push([tick(2, 99)], now=0)
        assert len(flushed(book, now=MARGIN, limit=10)) == 7
        book.push([tick(3, 99.5)], now=MARGIN)
        rounds = [len(flushed(book, now=60, limit=3)) for _ in range(4)]
        assert rounds == [3, 3, 1, 0]

    def test_a_gap_is_counted_by_the_fold_also_when_no_tick_follows_it(self) -> None:
        book = SymbolBook(start=1)
        book.hold(stored(opened(1)), now=0)
        book.hold(stored(opened(3), number=2), now=0)
        book.push([tick(2, 99)], now=0)
        book.push([gap(3)], now=0)
        assert [each.id for each in flushed(book, now=1)] == []
        assert book.due == {1: 3}

    def test_a_gap_does_not_count_before_the_margin_has_passed(self) -> None:
        book = SymbolBook(start=1)
        book.hold(stored(opened(1)), now=0)
        book.push([gap(2)], now=1.0)
        flushed(book, now=1.1)
        assert book.due == {}


class TestMemory:
    def test_ticks_that_all_have_counted_are_forgotten(self) -> None:
        book = SymbolBook(start=1)
        book.hold(stored(opened(1)), now=0)
        chance = random.Random(7)

        def go_on(first: int) -> int:
            for place in range(first, first + 4000):
                book.push([tick(place, 100 + chance.randint(-400, 400))], now=place / 1000)
                if place % 500 == 0:
                    flushed(book, now=place / 1000)
            book.forget_counted()
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            after_first, after_fifth = go_on(2), [go_on(4002 + 4000 * number) for number in range(4)][-1]
        finally:
            tracemalloc.stop()
        assert after_fifth < after_first + 20_000
        assert max(len(book._live._places), len(book._settled._places), len(book._settling)) < 1000

    def test_ticks_that_somebody_still_needs_are_kept(self) -> None:
        book = SymbolBook(start=1)
        for number in (1, 2):
            book.hold(stored(opened(1), number=number), now=0)
        for place in range(2, 10):
            book.push([tick(place, 100 - place)], now=0)
        flushed(book, now=1, limit=1)
        book.forget_counted()
        (second,) = flushed(book, now=1, limit=1)
        assert (second.id, second.ticks_seen, second.worst_pnl) == (2, 8, -18)

    def test_a_book_without_positions_forgets_all_it_counted(self) -> None:
        book = SymbolBook(start=1)
        for place in range(2, 10):
            book.push([tick(place, 100)], now=0)
        book.settle(1)
        book.forget_counted()
        assert len(book._live._places) == 0
        book.hold(stored(opened(5)), now=0)
        assert book.due == {1: 9}


@st.composite
def tapes(draw: st.DrawFn) -> list[LogEntry]:
    prices = st.integers(380, 420).map(lambda quarters: Decimal(quarters) / 4)
    entries: list[LogEntry] = []
    rolled = Decimal(0)
    kinds = st.one_of(prices, prices, prices, prices, prices, st.sampled_from(["gap", "roll"]))
    for place, kind in enumerate(draw(st.lists(kinds, max_size=40)), start=2):
        if kind == "gap":
            entries.append(gap(place))
        elif kind == "roll":
            rolled += 50
            entries.append(roll_by(place, 50))
        else:
            entries.append(tick(place, kind + rolled))
    return entries


@settings(max_examples=150, deadline=None)
@given(tape=tapes(), data=st.data())
def test_books_and_flushes_equal_the_plain_fold_whenever_they_happen(tape: list[LogEntry], data: st.DataObject) -> None:
    """The monitor's loop, with a dictionary for the database: at the end, each position is where the fold takes it."""
    rules = st.sampled_from([ExitRules(), STOP_4, TARGET_4, replace(STOP_4, targets=TARGET_4.targets), *MOVING])
    database: dict[int, StoredPosition] = {}
    waiting = {number: data.draw(st.integers(1, 1 + len(tape))) for number in range(1, data.draw(st.integers(2, 5)))}
    whole = {
        number: ending_at(
            data.draw(st.one_of(st.none(), st.integers(place, place + 20))),
            opened(
                place,
                data.draw(st.integers(96, 104)),
                rules=data.draw(rules),
                last_price=None,
                direction=data.draw(st.sampled_from([LONG, SHORT])),
            ),
        )
        for number, place in waiting.items()
    }
    book, now = SymbolBook(start=1), 0.0
    under_way: list[LogEntry] = []
    for place in range(1, 2 + len(tape)):
        now += 0.1
        under_way += tape[place - 2 : place - 1] if place > 1 else []
        if under_way and (place > len(tape) or data.draw(st.booleans())):
            book.push(under_way, now)
            under_way = []
        for number in [each for each, opens in waiting.items() if opens <= place and data.draw(st.booleans())]:
            del waiting[number]
            database[number] = stored(whole[number], number=number)
            book.hold(database[number], now)
        if data.draw(st.booleans()):
            hold_triggered(book, database, now)
        if data.draw(st.booleans()):
            ask_the_fold(book, database, tape, now)
        if data.draw(st.booleans()):
            book.settle(now - MARGIN)
            counted = book.count_settled(data.draw(st.integers(1, 4)), now, rewritten_after=1)
            taken = [each for each in counted if data.draw(st.integers(0, 3))]
            database |= {each.id: written(each, database[each.id]) for each in taken}
            book.note_written(taken, now)
        if data.draw(st.integers(0, 4)) == 0:
            book.forget_counted()
    end_of_day(book, database, tape, now)
    expected = {number: advance(position, entries_after(tape, position)) for number, position in whole.items()}
    for number in expected.keys() - waiting.keys():
        assert shown(database[number].position) == shown(expected[number])


def ending_at(place: int | None, position: Position) -> Position:
    """Let the session end at the time of the tick at a place."""
    return replace(position, plan=replace(position.plan, closes_at=None if place is None else place * 1000))


def ask_the_fold(book: SymbolBook, database: dict[int, StoredPosition], tape: list[LogEntry], now: float) -> None:
    hold_triggered(book, database, now)
    for number, through in list(book.due.items()):
        held = database[number]
        entries = [entry for entry in entries_after(tape, held.position) if entry.place <= through]
        position = advance(held.position, entries)
        if position.is_open:
            position = replace(position, place=max(position.place, through))
        database[number] = replace(held, position=position, version=held.version + 1)
        if position.is_open:
            book.hold(database[number], now)
        else:
            book.drop(number)


def end_of_day(book: SymbolBook, database: dict[int, StoredPosition], tape: list[LogEntry], now: float) -> None:
    for _ in range(3):
        ask_the_fold(book, database, tape, now)
        for each in flushed(book, now + 10):
            database[each.id] = written(each, database[each.id])


def hold_triggered(book: SymbolBook, database: dict[int, StoredPosition], now: float) -> None:
    for number in list(book.triggered):
        book.hold(database[number], now)


def entries_after(tape: list[LogEntry], position: Position) -> list[LogEntry]:
    return [entry for entry in tape if entry.place > position.place]


def shown(position: Position) -> Position:
    """Leave out the place, which may stand at the last tick or anywhere beyond it."""
    return replace(position, place=0)
