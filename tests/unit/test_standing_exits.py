"""What pages and programs are shown of an open position's exits."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from services.web.position_view import view_position
from services.web.standing import Seen
from services.web.standing_exits import NO_EXITS, RememberedExits, standing_exits

TRAILING = {"stop": {"kind": "ticks", "value": "20"}, "trail": {"trigger_ticks": "0", "step_ticks": 1}}
PLAN = {
    "rules": TRAILING,
    "basis": {"price": "20000", "value": "40000", "quantity": 2},
    "stop": {"price": "19995.00", "overdue": False},
    "targets": [
        {"level": {"price": "20020.00", "overdue": False}, "quantity": 1},
        {"level": {"price": "20040.00", "overdue": False}, "quantity": None},
    ],
}


def row(**changes: Any) -> Any:
    facts = {
        "id": 7, "version": 1, "status": "open", "side": "LONG", "exit_plan": PLAN, "best_since_entry": None,
        "currency": "USD",
        "tick_size": Decimal("0.25"), "multiplier": Decimal(2), "place": 1, "total_quantity": 2, "ticks_seen": 1,
        "avg_entry_price": Decimal(20000), "current_price": Decimal(20000), "gap_seconds": Decimal(0),
        "worst_unrealized_pnl": Decimal(0), "best_unrealized_pnl": Decimal(0), "entries": [
            {"entry_price": "20000", "quantity": 2}
        ],
    }  # fmt: skip
    return SimpleNamespace(**facts | changes)


@pytest.mark.parametrize(
    ("best", "highest", "price", "reason"),
    [
        (None, None, "19995.00", "sl"),
        ("20003", None, "19998.00", "trail"),
        ("20003", "20001", "19998.00", "trail"),
        ("20003", "20010.25", "20005.25", "trail"),
    ],
)
def test_the_stop_is_where_the_best_tick_took_it(
    best: str | None, highest: str | None, price: str, reason: str
) -> None:
    seen = Seen() if highest is None else Seen(lowest=Decimal(19999), highest=Decimal(highest), count=2)
    exits = standing_exits(row(best_since_entry=None if best is None else Decimal(best)), seen)
    assert (exits.stop_price, exits.stop_reason) == (Decimal(price), reason)


def test_a_closed_position_has_no_exits() -> None:
    assert standing_exits(row(status="closed", exit_plan={}), Seen()) == NO_EXITS


def test_a_page_shows_the_stop_with_its_reason_and_what_each_target_closes() -> None:
    position = row(best_since_entry=Decimal(20010))
    view = view_position(position, Seen(), standing_exits(position, Seen()), now_ns=0)
    assert (view.stop.text, view.stop.reason) == ("20,005.00", "Trailing stop")
    assert view.targets.text == "20,020.00 for 1, 20,040.00 for the rest"
    assert (view.target.text, view.target.reason) == ("20,020.00 for 1", "1 more")
    assert view.cells()["p7.stop.reason"].text == "Trailing stop"


def test_exits_are_computed_again_where_the_position_or_its_best_tick_is_another() -> None:
    remembered, without_targets = RememberedExits(), PLAN | {"targets": []}
    seen = [Seen(lowest=Decimal(19999), highest=Decimal(highest), count=1) for highest in (20010, 20009, 20012)]

    first, same, further = (remembered.of(row(best_since_entry=Decimal(20010)), each) for each in seen)
    trimmed = remembered.of(row(version=2, exit_plan=without_targets), seen[2])

    assert first is same
    assert [each.stop_price for each in (first, further, trimmed)] == [20005, 20007, 20007]
    assert (len(further.targets), trimmed.targets) == (2, ())


def test_a_position_that_is_gone_is_forgotten() -> None:
    remembered = RememberedExits()
    first = remembered.of(row(), Seen())

    remembered.forget_all_but({7})
    kept = remembered.of(row(), Seen())
    remembered.forget_all_but({8})

    assert kept is first
    assert remembered.of(row(), Seen()) is not first
