"""A position that was written as a row and read back is the same position, to the last digit."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.domain.accounting import add_lot, exit_lots, miss, open_position
from shared.domain.contracts import Contract
from shared.domain.exit_rules import Distance, ExitRules, TargetRule
from shared.domain.fold import advance
from shared.domain.money import exact
from shared.domain.position import Position
from shared.domain.symbols import ResolvedSymbol
from shared.domain.ticks import PriceTick
from shared.domain.trades import LONG, SHORT, ExitReason, Fill
from shared.store.position_rows import position_from_row, position_values

JSON_COLUMNS = ("entries", "exit_plan", "totals")
CONTRACT = Contract(
    root="MNQ",
    kind="future",
    exchange="CME",
    name="Micro Nasdaq",
    tick_size=Decimal("0.25"),
    multiplier=Decimal("0.7"),
    currency="USD",
)
MNQ = ResolvedSymbol(symbol="MNQ1!", contract=CONTRACT)
START = 1_795_000_000_000_000_000
MICROSECOND = 1000

prices = st.decimals(Decimal("0.01"), Decimal(99999), places=2)
distances = st.builds(
    Distance,
    kind=st.sampled_from(["ticks", "points", "percent", "dollars", "price"]),
    value=st.decimals(Decimal("0.1"), Decimal(500), places=3),
)
targets = st.builds(
    TargetRule,
    distance=distances,
    trim=st.one_of(st.none(), st.integers(1, 5).map(Decimal)),
    trim_in_percent=st.booleans(),
)
rules = st.builds(
    ExitRules,
    stop=st.one_of(st.none(), distances),
    targets=st.lists(targets, max_size=3).map(tuple),
    stop_at_level=st.booleans(),
    stop_overridden=st.booleans(),
    targets_overridden=st.booleans(),
    commission=st.sampled_from([Decimal(0), Decimal("0.62"), Decimal("1.005")]),
)
fills = st.builds(
    Fill,
    quantity=st.integers(1, 9),
    price=prices,
    occurred_at=st.just(START),
    signal_id=st.one_of(st.none(), st.integers(1, 2**62)),
)
moves = st.one_of(
    st.tuples(st.just("ticks"), st.lists(prices, max_size=4)),
    st.tuples(st.just("add"), fills, rules),
    st.tuples(st.just("trim"), st.integers(1, 5), prices),
    st.tuples(st.just("gap"), st.decimals(Decimal("0.000001"), Decimal(500), places=6)),
)


def row_of(position: Position) -> Any:
    """Return the row as it is read back: JSON as text, everything else as it is."""
    with exact():
        values = position_values(position)
    return values | {name: msgspec.json.encode(values[name]).decode() for name in JSON_COLUMNS}


def assert_same_after_the_round_trip(position: Position) -> None:
    assert position_from_row(row_of(position), CONTRACT) == replace(position, trades=(), legs=())


@settings(max_examples=200, deadline=None)
@given(fills, st.sampled_from([LONG, SHORT]), rules, st.one_of(st.none(), prices), st.lists(moves, max_size=6))
def test_whatever_a_position_went_through_its_row_tells_all_of_it(
    fill: Fill, direction: int, plan: ExitRules, last_price: Decimal | None, went_through: list[Any]
) -> None:
    with exact():
        position = open_position(fill, MNQ, direction=direction, rules=plan, place=7 << 20, last_price=last_price)
        assert_same_after_the_round_trip(position)
        for number, move in enumerate(went_through, start=1):
            position = moved(position, START + number * 7 * MICROSECOND, *move)
            assert_same_after_the_round_trip(position)
            if not position.is_open:
                break


def moved(position: Position, at: int, kind: str, *details: Any) -> Position:
    if kind == "ticks":
        ticks = [
            PriceTick(symbol="MNQ1!", place=position.place + number, occurred_at=at + number * MICROSECOND, price=price)
            for number, price in enumerate(details[0], start=1)
        ]
        return advance(position, ticks)
    if kind == "add":
        return add_lot(position, replace(details[0], occurred_at=at), details[1])
    if kind == "gap":
        return miss(position, details[0], at, position.place + 1)
    quantity = min(details[0], position.quantity)
    return exit_lots(position, Fill(quantity=quantity, price=details[1], occurred_at=at, reason=ExitReason.SIGNAL))


def test_the_columns_say_what_people_ask_for() -> None:
    position = open_position(
        Fill(quantity=3, price=Decimal("100.25"), occurred_at=START),
        MNQ,
        direction=SHORT,
        rules=ExitRules(stop=Distance(kind="ticks", value=Decimal(4))),
        place=5,
        last_price=Decimal("100.00"),
    )
    row = row_of(position)
    assert (row["ticker"], row["side"], row["total_quantity"], row["status"]) == ("MNQ1!", "SHORT", 3, "open")
    assert (row["avg_entry_price"], row["unrealized_pnl"]) == (Decimal("100.25"), Decimal("0.525"))
    assert row["opened_at"] == datetime.fromtimestamp(START // 10**9, UTC)
    assert (row["closed_at"], row["exit_price"], row["place"]) == (None, None, 5)


@pytest.mark.parametrize("held", [1, 2])
def test_a_mean_that_does_not_end_is_rounded_in_its_column_alone(held: int) -> None:
    position = open_position(
        Fill(quantity=1, price=Decimal(100), occurred_at=START),
        MNQ,
        direction=LONG,
        rules=ExitRules(),
        place=5,
        last_price=None,
    )
    position = add_lot(position, Fill(quantity=2, price=Decimal(101), occurred_at=START), ExitRules())
    position = exit_lots(position, Fill(quantity=3 - held, price=Decimal("100.5"), occurred_at=START))
    assert_same_after_the_round_trip(position)
    assert position_from_row(row_of(position), CONTRACT).average == position.average
