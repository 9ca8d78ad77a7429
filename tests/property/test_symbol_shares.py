from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tpsl_worker.share import plan_share
from shared.store.symbol_leases import Leases

MEMBERS = st.sets(st.integers(1, 9), min_size=1)
TURNS = st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=60)


@dataclass
class Workers:
    """Workers that look, and later take and release as planned; others may have done so in between."""

    members: set[int]
    holders: dict[str, int | None]
    moves: int = 0
    seen: dict[int, Mapping[str, int | None]] = field(default_factory=dict)

    def look(self, member: int) -> None:
        self.seen[member] = dict(self.holders)

    def act(self, member: int) -> None:
        """Do what is planned, as far as locks allow; for whoever has looked since they last did."""
        if member not in self.seen:
            return
        leases = Leases(me=member, members=frozenset(self.members), holders=self.seen.pop(member))
        surplus, wanted = plan_share(leases)
        for symbol in surplus:
            assert self.holders[symbol] == member
            self.holders[symbol] = None
        for symbol in wanted:
            if self.holders[symbol] is None:
                self.holders[symbol] = member
                self.moves += 1

    def settle(self) -> "Workers":
        """Give each as many turns as it can need."""
        for _ in range(2 * len(self.members) + 2):
            for member in sorted(self.members):
                self.look(member)
                self.act(member)
        return self

    def sizes(self) -> list[int]:
        held = Counter(self.holders.values())
        assert held[None] == 0
        return sorted(held[member] for member in self.members)


def even(symbols: int, members: int) -> list[int]:
    each, left_over = divmod(symbols, members)
    return [each] * (members - left_over) + [each + 1] * left_over


def workers(members: set[int], symbols: int, held_by: list[int] | None = None) -> Workers:
    ordered = sorted(members)
    holders: dict[str, int | None] = {
        f"S{number}": ordered[held_by[number] % len(ordered)] if held_by and held_by[number] else None
        for number in range(symbols)
    }
    return Workers(members, holders)


@pytest.mark.parametrize("members", range(1, 8))
def test_shares_differ_by_one_at_most_and_leave_nothing_out(members: int) -> None:
    for symbols in range(25):
        assert workers(set(range(1, members + 1)), symbols).settle().sizes() == even(symbols, members)


@given(members=MEMBERS, held_by=st.lists(st.integers(0, 9), max_size=30), turns=TURNS)
def test_whoever_held_what_and_whoever_looks_while_others_act_shares_become_even(
    members: set[int], held_by: list[int], turns: list[tuple[int, bool]]
) -> None:
    at_work = workers(members, len(held_by), held_by)
    for member, looks in turns:
        if looks and member in members:
            at_work.look(member)
        else:
            at_work.act(member)
    at_work.seen.clear()
    assert at_work.settle().sizes() == even(len(held_by), len(members))


@given(members=MEMBERS, symbols=st.integers(0, 30))
def test_even_shares_stay_as_they_are(members: set[int], symbols: int) -> None:
    at_work = workers(members, symbols).settle()
    before = dict(at_work.holders)
    assert at_work.settle().holders == before


@given(members=MEMBERS, symbols=st.integers(0, 30))
def test_who_joins_gets_a_share_and_nobody_else_gains(members: set[int], symbols: int) -> None:
    at_work = workers(members, symbols).settle()
    before = dict(at_work.holders)
    at_work.members.add(10)
    at_work.settle()
    assert {holder for symbol, holder in at_work.holders.items() if holder != before[symbol]} <= {10}
    assert at_work.sizes() == even(symbols, len(members))


@given(members=MEMBERS, symbols=st.integers(1, 30), gone=st.sets(st.integers(0, 29)))
def test_when_symbols_go_others_move_only_as_far_as_shares_need(
    members: set[int], symbols: int, gone: set[int]
) -> None:
    at_work = workers(members, symbols).settle()
    at_work.holders = {symbol: holder for symbol, holder in at_work.holders.items() if int(symbol[1:]) not in gone}
    left, wanted = at_work.sizes(), even(len(at_work.holders), len(members))
    at_work.moves = 0
    assert at_work.settle().moves == sum(max(0, more - less) for more, less in zip(wanted, left, strict=True))


@given(members=MEMBERS, symbols=st.integers(0, 30))
def test_a_new_symbol_moves_no_other(members: set[int], symbols: int) -> None:
    at_work = workers(members, symbols).settle()
    at_work.holders["new"] = None
    at_work.moves = 0
    assert at_work.settle().moves == 1
