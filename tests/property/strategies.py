"""Markets, settings and signals as Hypothesis draws them; small numbers, so that levels, ties and splits meet often.

Signals are drawn as structures and then written as bodies, so that the brute force never reads a body.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from shared.domain.ticks import GapMark, LogEntry, PriceTick, RollMark
from shared.replay import ReplaySignal
from tests.property.brute_force import ExitLeg, ScriptedContract, ScriptedSignal

START = 1_770_073_180_000_000_000  # twenty seconds before 18:00 in New York, where one session follows another
MILLISECOND = 1_000_000
SECOND = 1000 * MILLISECOND
ROLL = 2
SYMBOLS = ("MNQ1!", "MES1!")
TICK_SIZES = [Decimal(text) for text in ("0.25", "1", "0.1", "0.03", "5")]
MULTIPLIERS = [Decimal(text) for text in ("2", "50", "0.7", "1")]
ACTION_WORDS = {
    "buy": ("buy", "long", "Enter_Long"),
    "sell": ("sell", "short", "go-short"),
    "close": ("close", "flatten", "EXIT"),
    "closelong": ("closelong", "exit_long"),
    "closeshort": ("closeshort", "exit_short"),
    "takeprofit": ("tp_hit", "take_profit"),
    "stoploss": ("sl_hit", "stop_loss"),
    "closeall": ("closeall", "exit_all"),
    "reverse": ("reverse",),
    "pricealert": ("price_alert",),
}


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Everything a replay needs, the signals both as structures and as bodies."""

    recorders: list[dict[str, Any]]
    contracts: dict[str, ScriptedContract]
    ticks: list[LogEntry]
    signals: list[ScriptedSignal]

    def replay_signals(self) -> list[ReplaySignal]:
        return [as_replay_signal(signal) for signal in self.signals]


def as_replay_signal(signal: ScriptedSignal) -> ReplaySignal:
    return ReplaySignal(
        line=signal.line,
        recorder=signal.recorder,
        occurred_at=signal.occurred_at,
        place=signal.place,
        body=json.dumps(body_of(signal)),
    )


# --- markets ------------------------------------------------------------------------------------------------------


def contracts() -> st.SearchStrategy[ScriptedContract]:
    return st.builds(ScriptedContract, tick_size=st.sampled_from(TICK_SIZES), multiplier=st.sampled_from(MULTIPLIERS))


@st.composite
def tapes(draw: st.DrawFn, specs: dict[str, ScriptedContract], max_size: int = 30) -> list[LogEntry]:
    """A log of all symbols: walks with jumps, prices off the grid, repeated prices, ties in time, gaps."""
    middle = {symbol: 400 * spec.tick_size for symbol, spec in specs.items()}
    steps = st.tuples(
        st.sampled_from(sorted(specs)),
        st.sampled_from([0, 0, 1, 1, 2, -1, -1, -2, 3, -3, 6, -6, 15, -15]),
        st.sampled_from([Decimal(text) for text in ("0", "0", "0", "0", "0.4", "0.5")]),
        st.sampled_from([0, 1, MILLISECOND, 20 * MILLISECOND, SECOND, 7 * SECOND, 40 * SECOND]),
        st.integers(0, 19),
    )
    entries: list[LogEntry] = []
    occurred_at, place = START, 1 << 20
    last_mark = dict.fromkeys(specs, START - SECOND)
    size = draw(st.integers(0, max_size))
    opening: list[tuple[str, int, Decimal, int, int]] = [
        (symbol, 0, Decimal(0), 0, 1) for symbol in sorted(specs) if draw(st.integers(0, 9))
    ]
    for symbol, move, off_grid, later, kind in [*opening, *draw(st.lists(steps, min_size=size, max_size=size))]:
        occurred_at += later
        place += 1 + 2 * (kind % 2)
        if kind == 0:
            gap_ns = min(occurred_at - last_mark[symbol], 3 * SECOND + 500 * MILLISECOND)
            if gap_ns > 0:
                entries.append(gap_mark(symbol, place, occurred_at, gap_ns))
                last_mark[symbol] = occurred_at
            continue
        if kind == ROLL and move:
            difference = 3 * move * specs[symbol].tick_size
            middle[symbol] += difference
            entries.append(RollMark(symbol=symbol, place=place, occurred_at=occurred_at, difference=difference))
            continue
        middle[symbol] += move * specs[symbol].tick_size
        price = middle[symbol] + off_grid * specs[symbol].tick_size
        entries.append(PriceTick(symbol=symbol, place=place, occurred_at=occurred_at, price=price))
    return entries


def gap_mark(symbol: str, place: int, occurred_at: int, gap_ns: int) -> GapMark:
    return GapMark(symbol=symbol, place=place, occurred_at=occurred_at, gap_seconds=Decimal(gap_ns).scaleb(-9))


# --- settings -----------------------------------------------------------------------------------------------------


@st.composite
def stops(draw: st.DrawFn, contract: ScriptedContract) -> dict[str, Any]:
    if not draw(st.booleans()):
        return {}
    unit = draw(units())
    return {
        "sl_enabled": True,
        "sl_units": unit,
        "sl_amount": str(draw(distances(unit, contract))),
        "stop_fill": draw(st.sampled_from(["observed", "level"])),
        **draw(trails()),
    }


@st.composite
def trails(draw: st.DrawFn) -> dict[str, Any]:
    if not draw(st.booleans()):
        return {}
    return {
        "sl_type": "Trail",
        "trail_trigger": draw(st.sampled_from(["0", "0", "1", "2.5", "6"])),
        "trail_freq": draw(st.sampled_from([0, 1, 2, 3])),
    }


@st.composite
def break_evens(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.integers(0, 2)):
        return {}
    trigger = draw(st.sampled_from(["0.5", "1", "2", "3.5", "6"]))
    offset = draw(
        st.sampled_from([text for text in ("0", "0.4", "0.5", "1", "2", "5") if float(text) < float(trigger)])
    )
    return {"break_even_enabled": True, "break_even_ticks": trigger, "break_even_offset": offset}


@st.composite
def average_downs(draw: st.DrawFn, contract: ScriptedContract) -> dict[str, Any]:
    if draw(st.integers(0, 2)):
        return {}
    unit = draw(units())
    return {
        "avg_down_enabled": True,
        "avg_down_amount": draw(st.integers(1, 3)),
        "avg_down_point": str(draw(distances(unit, contract))),
        "avg_down_units": unit,
        "max_contracts": draw(st.sampled_from([2, 3, 5, 9])),
    }


def session_ends() -> st.SearchStrategy[dict[str, Any]]:
    """Cut-offs at the very start of the tape, within it and far from it: it begins at 22:59:40 UTC."""
    return st.sampled_from(
        [{}] * 3
        + [{"session_end": clock} for clock in ("17:59", "18:00", "18:01", "15:55")]
        + [{"session_end": "00:01", "timezone": "Europe/Berlin"}]
    )


@st.composite
def take_profits(draw: st.DrawFn, contract: ScriptedContract) -> dict[str, Any]:
    unit = draw(units())
    trim_units = draw(st.sampled_from(["Contracts", "Percent"]))
    trims = st.integers(1, 3) if trim_units == "Contracts" else st.sampled_from([10, 33, 50, 100])
    values = draw(st.lists(distances(unit, contract), max_size=3))
    legs = [{"value": str(value), "trim": draw(trims)} for value in values]
    return {"tp_units": unit, "trim_units": trim_units, "tp_targets": legs}


def units() -> st.SearchStrategy[str]:
    return st.sampled_from(["Ticks", "Ticks", "Points", "Percent", "Dollars"])


def distances(unit: str, contract: ScriptedContract) -> st.SearchStrategy[Decimal]:
    """Distances of about one to eight ticks, on the grid and off it, written in the unit."""
    in_ticks = st.sampled_from([Decimal(text) for text in ("0.3", "1", "2", "2.5", "3", "4", "8")])
    factor = {
        "Ticks": Decimal(1),
        "Points": contract.tick_size,
        "Percent": Decimal("0.25"),
        "Dollars": contract.tick_size * contract.multiplier,
    }[unit]
    return in_ticks.map(lambda ticks: ticks * factor)


@st.composite
def settings_of(draw: st.DrawFn, name: str, symbol: str, contract: ScriptedContract) -> dict[str, Any]:
    """A recorder as the settings file has it, with the contract that the whole scenario uses for its symbol."""
    return {
        "name": name,
        "symbol": symbol,
        "contract": {
            "tick_size": str(contract.tick_size),
            "multiplier": str(contract.multiplier),
            "currency": "USD",
        },
        "recording_enabled": draw(st.sampled_from([True] * 9 + [False])),
        "initial_position_size": draw(st.integers(0, 4)),
        "add_position_size": draw(st.integers(0, 3)),
        "same_direction": draw(st.sampled_from(["add", "add", "ignore"])),
        "opposite_signal": draw(st.sampled_from(["reverse", "reverse", "close", "reduce", "ignore"])),
        "fill_price": draw(st.sampled_from(["signal", "signal", "market"])),
        "max_price_deviation": draw(st.sampled_from(["10", "10", "0", "0.5"])),
        "max_contracts": draw(st.sampled_from([0, 0, 0, 2, 5])),
        "commission": draw(st.sampled_from(["0", "0", "0.62", "1.005"])),
        **draw(stops(contract)),
        **draw(take_profits(contract)),
        **draw(break_evens()),
        **draw(average_downs(contract)),
        **draw(session_ends()),
        **draw(entry_filters(contract)),
    }


@st.composite
def entry_filters(draw: st.DrawFn, contract: ScriptedContract) -> dict[str, Any]:
    """Often none; else few, that let about half of the entries pass."""
    if draw(st.booleans()):
        return {}
    tick_value = contract.tick_size * contract.multiplier
    values: dict[str, st.SearchStrategy[Any]] = {
        "inverse": st.just(True),
        "direction_filter": st.sampled_from(["Long", "Short"]),
        "time_filter_1": windows(),
        "time_filter_2": windows(),
        "cooldown_seconds": st.sampled_from([1, 8]),
        "max_signals_per_session": st.integers(1, 3),
        "max_daily_loss": st.sampled_from([1, 3, 10]).map(lambda ticks: str(ticks * tick_value)),
        "take_every": st.integers(2, 3),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(values)), max_size=3, unique=True))
    zone = draw(st.sampled_from(["America/New_York", "UTC", "Asia/Kolkata"]))
    return {name: draw(values[name]) for name in chosen} | {"timezone": zone}


def windows() -> st.SearchStrategy[dict[str, str]]:
    """Windows that begin or end about the time of the tape, in one of the zones, over midnight in others."""
    clocks = st.sampled_from(["17:59", "18:00", "18:01", "22:59", "23:00", "23:01", "04:30", "04:31", "09:30", "16:00"])
    pairs = st.lists(clocks, min_size=2, max_size=2, unique=True)
    return pairs.map(lambda pair: {"start": pair[0], "stop": pair[1]})


# --- signals ------------------------------------------------------------------------------------------------------


@st.composite
def signals(
    draw: st.DrawFn, recorders: list[dict[str, Any]], specs: dict[str, ScriptedContract], tape: list[LogEntry]
) -> list[ScriptedSignal]:
    """Up to ten signals at places that never fall, each with the time of about then."""
    size = draw(st.integers(1, 10))
    places = sorted(draw(st.lists(st.integers(0, len(tape)), min_size=size, max_size=size)))
    drawn = []
    for line, index in enumerate(places, start=1):
        before = tape[index - 1] if index else None
        recorder = draw(st.sampled_from(recorders))
        symbol = draw(st.sampled_from([None, None, *specs]))
        if draw(st.integers(0, 11)) == 0:
            drawn.append(
                ScriptedSignal(
                    line=line,
                    recorder=recorder["name"],
                    place=before.place if before else 0,
                    occurred_at=before.occurred_at if before else START,
                    action="closeall",
                    price=draw(st.sampled_from([None, 397 * specs[recorder["symbol"]].tick_size])),
                )
            )
            continue
        contract = specs[symbol or recorder["symbol"]]
        near = last_price_near(tape[:index], symbol or recorder["symbol"], specs)
        drawn.append(
            ScriptedSignal(
                line=line,
                recorder=recorder["name"],
                place=before.place if before else 0,
                occurred_at=(before.occurred_at if before else START) + draw(st.sampled_from([0, 0, 1, SECOND])),
                symbol=symbol,
                **draw(contents(near, contract, recorder)),
            )
        )
    return drawn


def last_price_near(met: list[LogEntry], symbol: str, specs: dict[str, ScriptedContract]) -> Decimal:
    prices = [entry.price for entry in met if isinstance(entry, PriceTick) and entry.symbol == symbol]
    return prices[-1] if prices else 400 * specs[symbol].tick_size


@st.composite
def contents(draw: st.DrawFn, near: Decimal, contract: ScriptedContract, recorder: dict[str, Any]) -> dict[str, Any]:
    """What a signal asks for, of every kind that section 4 tells apart."""
    tick = contract.tick_size
    offsets = st.sampled_from([Decimal(text) for text in ("0", "0", "1", "-1", "0.4", "4", "-6", "-20", "300")])
    price = draw(st.one_of(st.none(), offsets.map(lambda ticks: near + ticks * tick)))
    quantity = draw(st.one_of(st.none(), st.integers(1, 5)))
    kind = draw(st.sampled_from(["action", "action", "action", "target", "target", "side", "exit", "other"]))
    base = {"price": price, "quantity": quantity}
    if kind == "target":
        return {**base, **draw(stated_targets()), **draw(overrides(near, tick))}
    if kind == "side":
        return {**base, **draw(stated_sides()), **draw(overrides(near, tick))}
    if kind == "exit":
        return {**base, **draw(exits())}
    if kind == "other":
        return {**base, "action": draw(st.sampled_from(["reverse", "reverse", "pricealert"]))}
    body = {**base, "action": draw(st.sampled_from(["buy", "sell"])), **draw(overrides(near, tick))}
    if recorder["opposite_signal"] != "reduce" and draw(st.integers(0, 7)) == 0:
        body["risk_dollars"] = draw(st.sampled_from([1, 5, 11, 30])) * tick * contract.multiplier
    return body


@st.composite
def stated_targets(draw: st.DrawFn) -> dict[str, Any]:
    target = draw(st.integers(-4, 4))
    return {
        "target": target,
        "action": draw(st.sampled_from([None, "buy", "sell"])),
        "previous": draw(st.one_of(st.none(), st.integers(-2, 2))),
    }


@st.composite
def stated_sides(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "side": draw(st.sampled_from(["long", "short", "long", "short", "flat"])),
        "action": draw(st.sampled_from([None, "buy", "sell"])),
    }


@st.composite
def exits(draw: st.DrawFn) -> dict[str, Any]:
    words = ["close", "close", "closelong", "closeshort", "takeprofit", "stoploss"]
    return {
        "action": draw(st.sampled_from(words)),
        "target": draw(st.one_of(st.none(), st.none(), st.integers(-3, 3))),
    }


@st.composite
def overrides(draw: st.DrawFn, near: Decimal, tick: Decimal) -> dict[str, Any]:
    """Mostly none; else a stop, targets or both, as prices near the market or as distances."""
    found: dict[str, Any] = {}
    if draw(st.integers(0, 3)) == 0:
        found["stop"] = draw(override_legs(near, tick))
    if draw(st.integers(0, 3)) == 0:
        found["targets"] = draw(
            st.one_of(
                override_legs(near, tick).map(lambda leg: (leg,)),
                st.lists(listed_legs(), min_size=1, max_size=3).map(tuple),
            )
        )
    return found


@st.composite
def override_legs(draw: st.DrawFn, near: Decimal, tick: Decimal) -> ExitLeg:
    unit = draw(st.sampled_from(["Ticks", "Percent", "Dollars", "Price", "Price", "Bare", "Bare"]))
    away = draw(st.sampled_from([Decimal(text) for text in ("1", "2", "3.3", "8", "-2", "-3", "-8.5")]))
    value = near + away * tick if unit == "Price" or (unit == "Bare" and away != 2) else abs(away)
    if draw(st.integers(0, 9)) == 0:
        return ExitLeg(unit="Ticks", value=Decimal(0))
    return ExitLeg(unit=unit, value=value)


def listed_legs() -> st.SearchStrategy[ExitLeg]:
    return st.builds(
        ExitLeg,
        unit=st.just("Ticks"),
        value=st.integers(1, 9).map(Decimal),
        percent=st.sampled_from([10, 33, 50, 100]),
    )


# --- bodies -------------------------------------------------------------------------------------------------------

STOP_KEYS = {"Ticks": "sl_ticks", "Percent": "sl_percent", "Dollars": "dollar_sl", "Price": "stopLoss", "Bare": "sl"}
TARGET_KEYS = {
    "Ticks": "tp_ticks",
    "Percent": "tp_percent",
    "Dollars": "dollar_tp",
    "Price": "tp_price",
    "Bare": "take_profit",
}


def body_of(signal: ScriptedSignal) -> dict[str, Any]:
    """Write a signal as one of the bodies that say it; which of the synonyms, its line decides."""
    body: dict[str, Any] = {}
    if signal.action is not None:
        words = ACTION_WORDS[signal.action]
        body["action"] = words[signal.line % len(words)]
    if signal.symbol is not None:
        body["ticker"] = ["{}", "CME_MINI:{}", " {} "][signal.line % 3].format(signal.symbol)
    if signal.price is not None:
        body["price"] = str(signal.price)
    if signal.quantity is not None:
        body["contracts"] = signal.quantity
    if signal.side is not None:
        body["market_position"] = signal.side
    return body | stated_size(signal) | stated_previous(signal) | stated_exits(signal)


def stated_size(signal: ScriptedSignal) -> dict[str, Any]:
    if signal.target is None:
        return {}
    side = "flat" if signal.target == 0 else "long" if signal.target > 0 else "short"
    ways: list[dict[str, Any]] = [
        {"position_size": str(signal.target)},
        {"market_position": side, "position_size": abs(signal.target)},
        {"market_position": side, "market_position_size": abs(signal.target)},
    ]
    return ways[signal.line % 3]


def stated_previous(signal: ScriptedSignal) -> dict[str, Any]:
    if signal.previous is None:
        return {}
    side = "flat" if signal.previous == 0 else "long" if signal.previous > 0 else "short"
    ways: list[dict[str, Any]] = [
        {"prev_position_size": signal.previous},
        {"prev_market_position": side, "prev_market_position_size": abs(signal.previous)},
    ]
    return ways[signal.line % 2]


def stated_exits(signal: ScriptedSignal) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if signal.stop is not None:
        body[STOP_KEYS[signal.stop.unit]] = str(signal.stop.value)
    if signal.targets is not None:
        legs = signal.targets
        if len(legs) == 1 and legs[0].percent == 100:
            body[TARGET_KEYS[legs[0].unit]] = str(legs[0].value)
        else:
            body["take_profit"] = [{"gain_ticks": str(leg.value), "trim_percent": leg.percent} for leg in legs]
    if signal.risk_dollars is not None:
        body["risk_dollars"] = str(signal.risk_dollars)
    return body


MOVING_NAMES = {
    *("sl_enabled", "sl_units", "sl_amount", "stop_fill", "sl_type", "trail_trigger", "trail_freq"),
    *("break_even_enabled", "break_even_ticks", "break_even_offset", "max_contracts"),
    *("avg_down_enabled", "avg_down_amount", "avg_down_point", "avg_down_units"),
}


# --- all of it ----------------------------------------------------------------------------------------------------


@st.composite
def scenarios(draw: st.DrawFn, max_ticks: int = 30) -> Scenario:
    """One to three recorders over one or two symbols of one tape."""
    symbols = SYMBOLS[: draw(st.sampled_from([1, 1, 2]))]
    specs = {symbol: draw(contracts()) for symbol in symbols}
    homes = [*symbols, *draw(st.lists(st.sampled_from(symbols), max_size=1))]
    recorders = [draw(settings_of(f"R{number}", home, specs[home])) for number, home in enumerate(homes)]
    tape = draw(tapes(specs, max_ticks))
    return Scenario(recorders=recorders, contracts=specs, ticks=tape, signals=draw(signals(recorders, specs, tape)))


@st.composite
def scenarios_of_moving_exits(draw: st.DrawFn) -> Scenario:
    """One recorder whose exits move, and little that ends a position early: few signals, far targets, a long tape."""
    specs = {"MNQ1!": draw(contracts())}
    contract = specs["MNQ1!"]
    quiet = {"name": "R", "symbol": "MNQ1!", "max_price_deviation": "0", "tp_targets": [], "trim_units": "Contracts"}
    moving = {**draw(stops(contract)), **draw(trails()), **draw(break_evens()), **draw(average_downs(contract))}
    if moving.get("sl_type") == "Trail" and not moving.get("sl_enabled"):
        unit = draw(units())
        moving |= {"sl_enabled": True, "sl_units": unit, "sl_amount": str(draw(distances(unit, contract)))}
    if draw(st.booleans()):
        quiet["tp_targets"] = [{"value": "9", "trim": 1}, {"value": "14", "trim": 1}]
    recorder = draw(settings_of("R", "MNQ1!", contract)) | {"recording_enabled": True, "session_end": None}
    recorder = {name: value for name, value in recorder.items() if name not in MOVING_NAMES} | quiet | moving
    tape = draw(tapes(specs, 60))
    drawn = draw(signals([recorder], specs, tape))[: draw(st.integers(1, 4))]
    return Scenario(recorders=[recorder], contracts=specs, ticks=tape, signals=drawn)
