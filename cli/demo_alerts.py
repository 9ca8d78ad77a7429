"""What the demo's strategies would say: endless scripts of alerts as TradingView sends them; nothing is sent here."""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What an alert fills in when it goes out."""

    symbol: str
    price: str
    time: str  # ISO-8601, as {{timenow}} gives it


Body = Callable[[Moment], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One alert, to be sent so long after the one before it."""

    wait_seconds: float
    body: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRecorder:
    """A recorder of the demo, and the script of its alerts."""

    settings: Mapping[str, Any]
    script: Callable[[random.Random], Iterator[Step]]


def crossover(rng: random.Random) -> Iterator[Step]:
    """An indicator that buys or sells and later closes: JSON with an action."""
    while True:
        for action in (rng.choice(("buy", "sell")), "close"):
            yield Step(wait_seconds=rng.uniform(8, 20), body=_indicator(action))


def pullback(rng: random.Random) -> Iterator[Step]:
    """An indicator in words, `NAME: action, Key = value`, that leaves the exits to the recorder's targets and stop."""
    while True:
        yield Step(wait_seconds=rng.uniform(15, 30), body=_words(rng.choice(("buy", "sell"))))


def breakout(rng: random.Random) -> Iterator[Step]:
    """Entries as `key=value` pairs; a stop and a target of the recorder close them."""
    while True:
        yield Step(wait_seconds=rng.uniform(12, 25), body=_pairs(rng.choice(("long", "short"))))


def reversal(rng: random.Random) -> Iterator[Step]:
    """A strategy that states its position after each order: opens, adds, trims, turns."""
    held = 0
    while True:
        wanted = rng.choice([size for size in (-2, -1, 0, 1, 2) if size != held])
        yield Step(wait_seconds=rng.uniform(10, 20), body=_strategy(held, wanted))
        held = wanted


def scalper(rng: random.Random) -> Iterator[Step]:
    """In and out within moments."""
    while True:
        yield Step(wait_seconds=rng.uniform(10, 25), body=_indicator(rng.choice(("buy", "sell"))))
        yield Step(wait_seconds=rng.uniform(0.05, 3), body=_indicator("close"))


DEMO_RECORDERS = (
    DemoRecorder(settings={"name": "Demo crossover", "symbol": "MNQ1!"}, script=crossover),
    DemoRecorder(
        settings={
            "name": "Demo pullback",
            "symbol": "MES1!",
            "initial_position_size": 3,
            "same_direction": "ignore",
            "tp_targets": [{"value": 6, "trim": 1}, {"value": 12, "trim": 1}, {"value": 24, "trim": 1}],
            "sl_enabled": True,
            "sl_amount": 16,
        },
        script=pullback,
    ),
    DemoRecorder(
        settings={
            "name": "Demo breakout",
            "symbol": "MNQ1!",
            "initial_position_size": 2,
            "same_direction": "ignore",
            "opposite_signal": "ignore",
            "tp_targets": [{"value": 30, "trim": 2}],
            "sl_enabled": True,
            "sl_amount": 20,
        },
        script=breakout,
    ),
    DemoRecorder(settings={"name": "Demo reversal", "symbol": "MGC1!", "commission": "0.62"}, script=reversal),
    DemoRecorder(settings={"name": "Demo scalper", "symbol": "MNQ1!", "fill_price": "market"}, script=scalper),
)


def _indicator(action: str) -> Body:
    return lambda moment: json.dumps(
        {"action": action, "ticker": moment.symbol, "price": moment.price, "time": moment.time},
    )


def _words(action: str) -> Body:
    return lambda moment: f"Demo pullback: {action}, Ticker = {moment.symbol}, Price = {moment.price}"


def _pairs(action: str) -> Body:
    return lambda moment: f"action={action}; symbol={moment.symbol}; price={moment.price}"


def _strategy(held: int, wanted: int) -> Body:
    order = {
        "action": "buy" if wanted > held else "sell",
        "contracts": str(abs(wanted - held)),
        "market_position": _side(wanted),
        "market_position_size": str(abs(wanted)),
        "prev_market_position": _side(held),
        "prev_market_position_size": str(abs(held)),
    }
    return lambda moment: json.dumps(
        order | {"ticker": moment.symbol, "price": moment.price, "time": moment.time},
    )


def _side(size: int) -> str:
    return "long" if size > 0 else "short" if size < 0 else "flat"
