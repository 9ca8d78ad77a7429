import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from services.web.alert_messages import alert_messages, find_message
from shared.contracts_file import packaged_contracts
from shared.domain.duplicates import duplicate_window_seconds
from shared.domain.numbers import plain
from shared.domain.placeholders import StrategyOrder, fill_placeholders
from shared.domain.position import Position
from shared.domain.recorder_settings import parse_recorder_settings
from shared.domain.rehearsal import Rehearsal, Scene, rehearse, suppose_held
from shared.domain.symbols import normalize_symbol
from shared.domain.timestamps import parse_timestamp

NOW = parse_timestamp("2026-11-20T15:00:00Z")
CONTRACTS = packaged_contracts()
MARKET = Decimal("25600.25")


def settings(**stated: Any) -> Any:
    return parse_recorder_settings({"name": "Scalper", "symbol": "MNQ1!", **stated})


def held(quantity: int, price: str = "25590", **stated: Any) -> Position:
    instrument = normalize_symbol("MNQ1!", occurred_at=NOW, contracts=CONTRACTS)
    return suppose_held(instrument, settings(**stated), held=quantity, price=Decimal(price), last_price=MARKET)


def tried(body: object, *positions: Position, last: Mapping[str, Decimal] | None = None, **stated: Any) -> Rehearsal:
    prices = {"MNQ1!": MARKET} if last is None else last
    scene = Scene(held=positions, last_prices=prices, occurred_at=NOW, contracts=CONTRACTS)
    return rehearse(body if isinstance(body, str) else json.dumps(body), settings(**stated), scene)


def fills(rehearsal: Rehearsal) -> list[tuple[int, str, str | None]]:
    return [(each.quantity, plain(each.price), each.reason and each.reason.value) for each in rehearsal.fills]


def as_stored(position: Position) -> Position:
    return replace(position, lots=tuple(replace(lot, signal_id=1) for lot in position.lots))


def sizes(positions: tuple[Position, ...]) -> list[int]:
    return [each.held for each in positions]


def test_an_entry_shows_its_fill_its_size_and_the_exits_it_would_plan() -> None:
    stops = {"sl_enabled": True, "sl_amount": 20, "tp_targets": [{"value": 20, "trim": 1}, {"value": 40}]}

    rehearsal = tried({"action": "buy", "price": "25600"}, initial_position_size=3, **stops)

    (position,) = rehearsal.after
    assert rehearsal.applied.status == "recorded"
    assert fills(rehearsal) == [(3, "25600", None)]
    assert (position.held, position.plan.stop and position.plan.stop.price) == (3, Decimal(25595))
    assert [(leg.level.price, leg.quantity) for leg in position.plan.targets] == [(25605, 1), (25610, None)]


def test_a_reversal_closes_what_is_supposed_and_opens_the_other_side() -> None:
    rehearsal = tried({"action": "sell", "quantity": 1}, held(2))

    assert fills(rehearsal) == [(-2, "25600.25", "reversal"), (-1, "25600.25", None)]
    assert [trade.pnl for trade in rehearsal.trades] == [Decimal("41.00")]
    assert (sizes(rehearsal.before), sizes(rehearsal.after)) == ([2], [-1])


def test_several_lots_that_one_exit_closes_are_one_fill() -> None:
    added = tried({"action": "buy", "quantity": 1}, held(2)).after

    rehearsal = tried("closeall", *added)

    assert fills(rehearsal) == [(-3, "25600.25", "signal")]
    assert len(rehearsal.trades) == 2
    assert rehearsal.after == ()


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"action": "close"}, "ignored", "nothing to close"),
        ({"action": "buy", "price": 1}, "rejected", "price: 1 is more than 10 % from the last tick 25600.25"),
        ({"action": "buy", "ticker": "XYZ1!"}, "rejected", "unknown symbol XYZ1!"),
        ("{{strategy.order.action}}", "rejected", "action: unresolved placeholder {{strategy.order.action}}"),
        ("", "rejected", "empty body"),
    ],
)
def test_what_would_not_be_recorded_says_why(body: object, status: str, reason: str) -> None:
    rehearsal = tried(body)

    assert (rehearsal.applied.status, rehearsal.applied.reason) == (status, reason)
    assert (rehearsal.fills, rehearsal.after) == ((), ())


def test_without_any_tick_an_alert_needs_a_price_of_its_own() -> None:
    assert tried("buy", last={}).applied.status == "rejected"
    assert tried({"action": "buy", "price": 25600}, last={}).applied.status == "recorded"


def test_recording_that_is_off_is_respected_and_a_supposed_position_is_held_all_the_same() -> None:
    off = {"recording_enabled": False}

    assert tried("buy", **off).applied.reason == "recording is off"
    assert sizes(tried("close", held(2, **off), **off).before) == [2]


def test_a_supposed_position_has_its_exits_standing_though_the_market_is_beyond_them() -> None:
    position = held(1, "25000", sl_enabled=True, sl_amount=20, tp_targets=[{"value": 20}])

    assert position.plan.stop is not None
    assert not position.plan.stop.overdue
    assert not position.plan.targets[0].level.overdue


def test_what_is_supposed_is_not_changed_by_trying() -> None:
    position = held(2)

    tried("close", position)

    assert (position.held, position.trades) == (2, ())


ORDERS = [(2, 2), (1, 3), (-1, 2), (-4, -2), (2, 0), (-1, -1), (3, 2), (-2, 0)]


@pytest.mark.parametrize("key", ["strategy", "text", "sentiment"])
def test_a_template_for_strategies_follows_every_order_as_tradingview_sends_it(key: str) -> None:
    message = find_message(key)
    assert message is not None
    position: tuple[Position, ...] = ()
    before = 0
    for number, (contracts, after) in enumerate(ORDERS):
        price = MARKET + number
        order = StrategyOrder(ticker="MNQ1!", contracts=contracts, held_before=before, price=price, filled_at=NOW)
        rehearsal = tried(fill_placeholders(message.text, order), *position, last={"MNQ1!": price})
        position, before = tuple(as_stored(each) for each in rehearsal.after), after

        assert rehearsal.applied.reason is None
        assert rehearsal.applied.note is None
        assert sum(sizes(position)) == after
        assert {each.price for each in rehearsal.fills} == {price}


@pytest.mark.parametrize(("key", "opened"), [("buy", 1), ("sell", -1), ("close", 0), ("exits", 1), ("word", 1)])
def test_a_template_for_indicators_does_what_its_title_says(key: str, opened: int) -> None:
    message = find_message(key)
    assert message is not None
    order = StrategyOrder(ticker="MNQ1!", contracts=1, held_before=0, price=MARKET, filled_at=NOW)

    rehearsal = tried(fill_placeholders(message.text, order), *([held(-2)] if key == "close" else []))

    assert rehearsal.applied.status == "recorded"
    assert sum(sizes(rehearsal.after)) == opened


def test_every_template_but_the_single_word_is_known_when_it_is_sent_again() -> None:
    order = StrategyOrder(ticker="MNQ1!", contracts=1, held_before=0, price=MARKET, filled_at=NOW)
    windows = {}
    for message in alert_messages():
        acceptance = tried(fill_placeholders(message.text, order)).acceptance
        assert acceptance is not None
        windows[message.key] = duplicate_window_seconds(acceptance.signal, settings())

    assert windows.pop("word") == 0
    assert set(windows.values()) == {60}


def test_placeholders_that_the_order_does_not_tell_stay_as_they_are() -> None:
    order = StrategyOrder(ticker=None, contracts=-1, held_before=0, price=None, filled_at=NOW)

    filled = fill_placeholders("{{ticker}} {{close}} {{plot_0}} {{ strategy.order.action }} {{timenow}}", order)

    assert filled == "{{ticker}} {{close}} {{plot_0}} sell 2026-11-20T15:00:00Z"
