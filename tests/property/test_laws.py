"""Laws that hold for any market, settings and signals; they name what broke where a plain comparison only says that."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from shared.domain.ticks import LogEntry, PriceTick, RollMark
from shared.replay import ReplaySignal, replay
from tests.property.brute_force import ScriptedContract, ScriptedSignal
from tests.property.strategies import START, Scenario, as_replay_signal, scenarios, settings_of, tapes

CONTRACT = ScriptedContract(tick_size=Decimal("0.25"), multiplier=Decimal(2))
SPECS = {"MNQ1!": CONTRACT}
Row = dict[str, Any]


def replayed(scenario: Scenario) -> dict[str, list[Row]]:
    return replay(scenario.recorders, scenario.ticks, scenario.replay_signals())


def number(row: Row, name: str) -> Decimal:
    return Decimal(row[name])


@given(scenarios())
def test_every_signal_ends_in_exactly_one_state(scenario: Scenario) -> None:
    rows = replayed(scenario)["signals"]
    assert [row["line"] for row in rows] == [signal.line for signal in scenario.signals]
    assert {row["status"] for row in rows} <= {"recorded", "ignored", "rejected"}
    assert all(row["reason"] for row in rows if row["status"] != "recorded")
    assert not any("internal error" in (row["reason"] or "") for row in rows)


@given(scenarios())
def test_positions_and_trades_agree_to_the_cent(scenario: Scenario) -> None:
    found = replayed(scenario)
    for recorder in scenario.recorders:
        name = recorder["name"]
        of_trades = sum(
            (number(row, "pnl") for row in found["trades"] if row["recorder"] == name and row["status"] == "closed"),
            Decimal(0),
        )
        of_positions = sum(
            (number(row, "realized_pnl") for row in found["positions"] if row["recorder"] == name), Decimal(0)
        )
        assert of_trades == of_positions


@given(scenarios())
def test_no_contract_is_lost(scenario: Scenario) -> None:
    found = replayed(scenario)
    for recorder in scenario.recorders:
        for symbol in scenario.contracts:
            own = [
                row
                for kind in ("trades", "positions")
                for row in found[kind]
                if (row["recorder"], row["symbol"], row["status"]) == (recorder["name"], symbol, "open")
            ]
            still_open = sum(row["quantity"] for row in own if "entry_time" in row)
            assert still_open == sum(row["quantity"] for row in own if "opened_at" in row)
            assert sum("opened_at" in row for row in own) <= 1


@given(scenarios())
def test_a_result_before_costs_lies_between_its_extremes(scenario: Scenario) -> None:
    found = replayed(scenario)
    for row in found["trades"]:
        assert number(row, "max_adverse") <= 0 <= number(row, "max_favorable")
        if row["status"] == "closed":
            before_costs = number(row, "pnl") + number(row, "commission")
            assert number(row, "max_adverse") <= before_costs <= number(row, "max_favorable")
    for row in found["positions"]:
        assert number(row, "worst_unrealized_pnl") <= 0 <= number(row, "best_unrealized_pnl")


@given(scenarios())
def test_max_contracts_is_never_passed(scenario: Scenario) -> None:
    caps = {row["name"]: row["max_contracts"] for row in scenario.recorders if row["max_contracts"]}
    for row in replayed(scenario)["positions"]:
        assert row["max_quantity"] <= caps.get(row["recorder"], row["max_quantity"])


@given(scenarios())
def test_a_position_is_never_worse_than_its_trades_at_their_worst(scenario: Scenario) -> None:
    found = replayed(scenario)
    for position in found["positions"]:
        of_its_side = [
            number(row, "max_adverse")
            for row in found["trades"]
            if all(row[name] == position[name] for name in ("recorder", "symbol", "side"))
        ]
        assert sum(of_its_side, Decimal(0)) <= number(position, "worst_unrealized_pnl")


@given(scenarios())
def test_ticks_of_another_symbol_change_nothing(scenario: Scenario) -> None:
    elsewhere = [
        PriceTick(symbol="MGC1!", place=entry.place + 1, occurred_at=entry.occurred_at, price=Decimal(99999))
        for entry in scenario.ticks
        if isinstance(entry, PriceTick)
    ]
    merged = sorted([*scenario.ticks, *elsewhere], key=lambda entry: entry.place)
    shifted = replace(scenario, ticks=[structs.replace(entry, place=2 * entry.place) for entry in scenario.ticks])
    crowded = [
        structs.replace(entry, place=2 * entry.place - (1 if entry.symbol == "MGC1!" else 0)) for entry in merged
    ]
    doubled = [replace(signal, place=2 * signal.place) for signal in scenario.signals]
    assert replayed(replace(shifted, ticks=crowded, signals=doubled)) == replayed(replace(shifted, signals=doubled))


@given(scenarios(), st.data())
def test_a_catch_up_in_many_steps_gives_the_same(scenario: Scenario, data: st.DataObject) -> None:
    """A price alert makes the fold advance to its place and nothing else, wherever it stands."""
    alerts = [
        ScriptedSignal(
            line=1000 + index,
            recorder=recorder["name"],
            place=entry.place,
            occurred_at=entry.occurred_at,
            symbol=entry.symbol,
            action="pricealert",
        )
        for index, entry in enumerate(scenario.ticks)
        for recorder in scenario.recorders
        if data.draw(st.booleans())
    ]
    merged = sorted([*scenario.signals, *alerts], key=lambda signal: signal.place)
    once, in_steps = replayed(scenario), replayed(replace(scenario, signals=merged))
    assert in_steps["trades"] == once["trades"]
    assert in_steps["positions"] == once["positions"]


@given(scenarios())
def test_recorders_do_not_see_each_other(scenario: Scenario) -> None:
    together = replayed(scenario)
    for recorder in scenario.recorders:
        own = [signal for signal in scenario.signals if signal.recorder == recorder["name"]]
        alone = replayed(replace(scenario, recorders=with_contracts(recorder, scenario), signals=own))
        for kind in ("signals", "trades", "positions"):
            assert alone[kind] == [row for row in together[kind] if row["recorder"] == recorder["name"]]


def with_contracts(recorder: Row, scenario: Scenario) -> list[Row]:
    """One recorder, and beside it idle ones that bring the contracts of the other symbols."""
    others = [row for row in scenario.recorders if row["symbol"] != recorder["symbol"]]
    return [recorder, *({**row, "name": f"idle {row['name']}"} for row in others)]


@given(st.data())
def test_crossing_zero_equals_closing_then_opening(data: st.DataObject) -> None:
    """A stated reversal and, at the same place, an exit followed by an entry of the other side."""
    tape = data.draw(tapes(SPECS))
    drawn = data.draw(settings_of("R", "MNQ1!", CONTRACT))
    recorder = {
        **drawn,
        "recording_enabled": True,
        "max_daily_loss": "0",
    }  # which judges before the one, after the other
    start = data.draw(st.integers(0, len(tape)))
    turn = data.draw(st.integers(start, len(tape)))
    first, second = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    price = Decimal(data.draw(st.integers(390, 410))) * CONTRACT.tick_size

    def signal(line: int, index: int, **content: Any) -> ReplaySignal:
        before = tape[index - 1] if index else None
        place, occurred_at = (before.place, before.occurred_at) if before else (0, START)
        return as_replay_signal(
            ScriptedSignal(line=line, recorder="R", place=place, occurred_at=occurred_at, price=price, **content)
        )

    opened = signal(1, start, target=first)
    crossed = replay([recorder], tape, [opened, signal(2, turn, target=-second)])
    in_two = replay([recorder], tape, [opened, signal(2, turn, action="close"), signal(3, turn, target=-second)])
    for kind in ("trades", "positions"):
        assert [forget_reversal(row) for row in crossed[kind]] == [forget_reversal(row) for row in in_two[kind]]


def forget_reversal(row: Row) -> Row:
    return {**row, "exit_reason": "signal"} if row.get("exit_reason") == "reversal" else row


def without_rolls(tape: list[LogEntry]) -> list[LogEntry]:
    return [entry for entry in tape if not isinstance(entry, RollMark)]


@given(tapes(SPECS).map(without_rolls), st.sampled_from([1, -1]), st.integers(1, 5), st.data())
def test_extremes_equal_the_brute_force_extremes(
    tape: list[Any], direction: int, quantity: int, data: st.DataObject
) -> None:
    """One position without exits: its worst and best are those of a list of all prices it could be marked at."""
    entry_at = data.draw(st.integers(0, len(tape)))
    exit_at = data.draw(st.integers(entry_at, len(tape)))
    entry_price, exit_price = (Decimal(data.draw(st.integers(380, 420))) / 4 for _ in range(2))
    places = [0, *(entry.place for entry in tape)]
    times = [START, *(entry.occurred_at for entry in tape)]
    seen = [entry.price for entry in tape[entry_at:exit_at] if isinstance(entry, PriceTick)]
    marks = [entry_price, *seen, exit_price]
    scripted = [
        ScriptedSignal(
            line=1,
            recorder="R",
            place=places[entry_at],
            occurred_at=times[entry_at],
            price=entry_price,
            target=direction * quantity,
        ),
        ScriptedSignal(
            line=2, recorder="R", place=places[exit_at], occurred_at=times[exit_at], price=exit_price, action="close"
        ),
    ]
    recorder = {"name": "R", "symbol": "MNQ1!", "max_price_deviation": 0}
    found = replay([recorder], tape, [as_replay_signal(signal) for signal in scripted])
    results = [(mark - entry_price) * direction * quantity * 2 for mark in marks]
    (position,), (trade,) = found["positions"], found["trades"]
    assert number(position, "worst_unrealized_pnl") == number(trade, "max_adverse") == min(results)
    assert number(position, "best_unrealized_pnl") == number(trade, "max_favorable") == max(results)
    assert number(position, "worst_price") == marks[results.index(min(results))]
    assert position["ticks_seen"] == trade["ticks_seen"] == len(seen)


MOVING = {
    "sl_enabled": True, "sl_amount": 4, "sl_type": "Trail", "trail_freq": 2, "break_even_enabled": True,
    "break_even_ticks": 3, "break_even_offset": 1, "avg_down_enabled": True, "avg_down_amount": 1, "avg_down_point": 2,
    "max_contracts": 4, "tp_targets": [{"value": 9, "trim": 1}],
}  # fmt: skip
MONEY = ("quantity", "pnl", "pnl_ticks", "max_favorable", "max_adverse", "ticks_seen", "exit_reason", "exit_time")


@given(tapes(SPECS).map(without_rolls), st.integers(-80, 80), st.data())
def test_a_roll_moves_prices_and_nothing_else(tape: list[LogEntry], ticks: int, data: st.DataObject) -> None:
    """A market that rolls to a contract so many ticks away brings what the same market brings without a roll."""
    difference = ticks * CONTRACT.tick_size
    at = data.draw(st.integers(1, max(len(tape) - 1, 1)))
    actions = data.draw(st.lists(st.sampled_from(["buy", "sell", "close"]), min_size=1, max_size=4))
    places = sorted(data.draw(st.integers(0, len(tape))) for _ in actions)
    scripted = [
        ScriptedSignal(
            line=line,
            recorder="R",
            place=tape[index - 1].place if index else 0,
            occurred_at=tape[index - 1].occurred_at if index else START,
            action=action,
        )
        for line, (index, action) in enumerate(zip(places, actions, strict=True), start=1)
    ]
    later = [
        structs.replace(entry, price=entry.price + difference) if isinstance(entry, PriceTick) else entry
        for entry in tape[at:]
    ]
    before = tape[at - 1 : at]
    marks = [
        RollMark(symbol="MNQ1!", place=each.place + 1, occurred_at=each.occurred_at, difference=difference)
        for each in before
    ]
    doubled = [structs.replace(entry, place=2 * entry.place) for entry in [*tape[:at], *later]]
    rolled_tape = sorted([*doubled, *(structs.replace(mark, place=2 * mark.place - 1) for mark in marks)], key=by_place)
    recorder = {"name": "R", "symbol": "MNQ1!", **MOVING}
    plain = replay([recorder], tape, [as_replay_signal(each) for each in scripted])
    rolled = replay(
        [recorder], rolled_tape, [as_replay_signal(replace(each, place=2 * each.place)) for each in scripted]
    )
    assert [[row[name] for name in MONEY] for row in rolled["trades"]] == [
        [row[name] for name in MONEY] for row in plain["trades"]
    ]
    for row in rolled["trades"]:
        if row["status"] == "closed":
            points = (number(row, "exit_price") - number(row, "entry_price")) * (1 if row["side"] == "LONG" else -1)
            assert number(row, "pnl") == points * row["quantity"] * CONTRACT.multiplier


def by_place(entry: LogEntry) -> int:
    return entry.place


def test_a_close_all_knows_what_is_open_at_its_place_however_far_anyone_had_advanced() -> None:
    """Of two positions one is stopped before the close-all: the body's price is that of the other alone."""
    recorder = {"name": "R", "symbol": "MNQ1!", "sl_enabled": True, "sl_amount": 8}
    prices = [("MNQ1!", "100"), ("MES1!", "50"), ("MES1!", "40")]
    ticks = [
        PriceTick(symbol=symbol, place=place, occurred_at=START + place, price=Decimal(price))
        for place, (symbol, price) in enumerate(prices, start=1)
    ]
    bodies: list[tuple[int, dict[str, str]]] = [
        (2, {"action": "buy", "ticker": "MNQ1!"}),
        (2, {"action": "buy", "ticker": "MES1!"}),
        (3, {"action": "closeall", "price": "101"}),
    ]
    signals = [
        ReplaySignal(line=line, recorder="R", occurred_at=START + place, place=place, body=json.dumps(body))
        for line, (place, body) in enumerate(bodies, start=1)
    ]
    found = replay([recorder], ticks, signals)
    assert {row["symbol"]: row["exit_price"] for row in found["trades"]} == {"MNQ1!": "101", "MES1!": "40"}
