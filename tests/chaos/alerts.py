"""What the senders do in a run: recorders, alerts, edits of settings, closings by hand; a pure function of a seed."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.chaos.market import MARKETS, Market

Json = dict[str, Any]

PROFILES: tuple[Json, ...] = (
    {},
    {"sl_enabled": True, "sl_amount": "0.03", "sl_units": "Percent"},
    {
        "tp_units": "Percent",
        "tp_targets": [{"value": "0.02", "trim": 1}, {"value": "0.05", "trim": 1}, {"value": "0.09"}],
        "initial_position_size": 3,
    },
    {
        "sl_enabled": True,
        "sl_amount": "0.04",
        "sl_units": "Percent",
        "tp_units": "Percent",
        "tp_targets": [{"value": "0.04"}],
        "commission": "0.52",
    },
    {"opposite_signal": "reduce", "initial_position_size": 2},
    {"sl_enabled": True, "sl_amount": "0.05", "sl_units": "Percent", "stop_fill": "level"},
    {"fill_price": "market", "opposite_signal": "close"},
    {"same_direction": "ignore", "opposite_signal": "ignore", "tp_targets": [{"value": "40"}]},
    {"max_contracts": 3, "add_position_size": 2},
    {"duplicate_window_seconds": 60},
    {"tp_targets": [{"value": "25", "trim": "50"}, {"value": "60"}], "trim_units": "Percent", "sl_enabled": True}
    | {"sl_amount": "50", "initial_position_size": 4},
)
VOIDED = ("trade", "print", "correction")
EDITS: tuple[Json, ...] = (
    {"initial_position_size": 2},
    {"initial_position_size": 5, "add_position_size": 3},
    {"sl_enabled": True, "sl_amount": "0.06", "sl_units": "Percent"},
    {"sl_enabled": False},
    {
        "tp_units": "Percent",
        "tp_targets": [{"value": "0.03", "trim": "50"}, {"value": "0.06"}],
        "trim_units": "Percent",
    },
    {"tp_targets": []},
    {"recording_enabled": False},
    {"recording_enabled": True},
    {"opposite_signal": "reverse", "same_direction": "add"},
    {"commission": "0.87"},
)
WANDERS_EVERY = 10  # every tenth recorder gets alerts of several symbols
BURST_SHARE, IDENTIFIED_SHARE, RESENT_SHARE, TWIN_SHARE = 0.04, 0.6, 0.05, 0.05
WRONG_SHARE, BY_NAME_SHARE, PRICED_SHARE, TEXT_SHARE = 0.01, 0.05, 0.3, 0.1
LATEST_DUPLICATE_SECONDS = 20.0
WRONG: tuple[Json, ...] = ({"action": "jump"}, {"action": "buy", "ticker": "QQQQ9!"}, {"price": "3"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One body and when it is sent; `again_after` are further sendings of the same bytes.

    An identified one carries a time or an id, so that all of its sendings are one signal; of others each is one.
    """

    at: float
    tag: str
    recorder: int
    fields: Json
    identified: bool
    as_text: bool = False
    by_name: bool = False
    priced: tuple[str, float] | None = None  # symbol, and how far from its last price, relatively
    again_after: tuple[float, ...] = ()

    def body(self, name: str, moment: datetime, last_prices: Mapping[str, Decimal]) -> bytes:
        """The bytes as they are sent first; `name` is the recorder's."""
        fields = dict(self.fields)
        if self.by_name:
            fields["recorder"] = name
        if self.priced:
            market = next(each for each in MARKETS if each.symbol == self.priced[0])
            relative = float(last_prices.get(market.symbol, market.start) / market.start)
            fields["price"] = format(market.price(relative * (1 + self.priced[1])), "f")
        if "time" in fields:
            fields["time"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        fields["tag"] = self.tag
        if self.as_text:
            return ", ".join(f"{key}={value}" for key, value in fields.items()).encode()
        return json.dumps(fields).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that the owner of a recorder does: new settings, a closing by hand of one symbol or of all, or a void.

    What is voided is the last trade, its worst print, or the last correction, which is thereby taken back.
    """

    at: float
    recorder: int
    changes: Json | None = None
    ticker: str | None = None
    voids: str | None = None


def recorder_settings(number: int) -> Json:
    """The settings of a recorder of the run."""
    return {
        "name": f"chaos {number:03}",
        "symbol": market_of(number).symbol,
        **PROFILES[number % len(PROFILES)],
    }


def market_of(recorder: int) -> Market:
    """The market of a recorder's own symbol."""
    return MARKETS[recorder % len(MARKETS)]


def plan_alerts(seed: int, *, seconds: float, rate: float, recorders: int) -> list[Alert]:
    """Plan all alerts in the order of their times, `rate` a second."""
    chance = random.Random(f"alerts {seed}")
    states = [0] * recorders
    alerts: list[Alert] = []
    at = 0.0
    while at < seconds:
        recorder = chance.randrange(recorders)
        burst = chance.randint(2, 5) if chance.random() < BURST_SHARE else 1  # concurrent ones of one recorder
        numbers = range(len(alerts), len(alerts) + burst)
        alerts += [_alert(chance, at, number, recorder, states, until=seconds) for number in numbers]
        sendings = sum(1 + len(alert.again_after) for alert in alerts[-burst:])
        at += chance.expovariate(rate / sendings)
    return alerts


def plan_acts(seed: int, *, seconds: float, rate: float, recorders: int) -> list[Act]:
    """Plan edits of settings, closings by hand and voids, about as many of each, `rate` a second."""
    chance = random.Random(f"acts {seed}")
    acts: list[Act] = []
    at = chance.expovariate(rate) if rate else seconds
    while at < seconds:
        recorder = chance.randrange(recorders)
        kind = chance.choice(("edit", "close", "void"))
        if kind == "edit":
            acts.append(Act(at=at, recorder=recorder, changes=chance.choice(EDITS)))
        elif kind == "void":
            acts.append(Act(at=at, recorder=recorder, voids=chance.choice(VOIDED)))
        else:
            ticker = market_of(recorder).symbol if chance.random() < 0.5 else None
            acts.append(Act(at=at, recorder=recorder, ticker=ticker))
        at += chance.expovariate(rate)
    return acts


def _alert(chance: random.Random, at: float, number: int, recorder: int, states: list[int], *, until: float) -> Alert:
    identified = chance.random() < IDENTIFIED_SHARE
    symbol = _symbol(chance, recorder)
    fields = _fields(chance, recorder, states)
    if chance.random() < 0.5 or symbol != market_of(recorder).symbol:
        fields["ticker"] = symbol
    if chance.random() < WRONG_SHARE:
        fields = dict(chance.choice(WRONG))
    if identified:
        fields |= chance.choice(({"time": None}, {"id": f"a{number}"}, {"time": None, "alert_id": f"a{number}"}))
    priced = chance.random() < PRICED_SHARE and "price" not in fields
    return Alert(
        at=at,
        tag=f"chaos-{number:06}",
        recorder=recorder,
        fields=fields,
        identified=identified or "duplicate_window_seconds" in PROFILES[recorder % len(PROFILES)],
        as_text=chance.random() < TEXT_SHARE,
        by_name=chance.random() < BY_NAME_SHARE,
        priced=(symbol, chance.uniform(-0.0002, 0.0002)) if priced else None,
        again_after=tuple(after for after in _again_after(chance, identified=identified) if at + after < until),
    )


def _again_after(chance: random.Random, *, identified: bool) -> Iterator[float]:
    """Sendings of the same bytes: at the same moment, a little later, or several of them."""
    if chance.random() < (RESENT_SHARE if identified else TWIN_SHARE):
        for _ in range(chance.choice((1, 1, 1, 3))):
            yield chance.choice((0.0, chance.uniform(0, 1), chance.uniform(1, LATEST_DUPLICATE_SECONDS)))


def _symbol(chance: random.Random, recorder: int) -> str:
    own = market_of(recorder)
    if recorder % WANDERS_EVERY or chance.random() < 0.5:
        return own.symbol
    return chance.choice([each.symbol for each in MARKETS if each.symbol != "EURUSD"])


def _fields(chance: random.Random, recorder: int, states: list[int]) -> Json:
    """What a strategy that states its position says, or an alert that has only an action."""
    if recorder % 2:
        return _stated(chance, recorder, states)
    words: Sequence[Json] = (
        {"action": "buy"},
        {"action": "sell"},
        {"action": "buy", "contracts": "2"},
        {"action": "sell", "qty": 2},
        {"action": "buy", "sl_percent": "0.03", "tp_percent": "0.05"},
        {"action": "close"},
        {"action": "exit_long"},
        {"action": "closeshort"},
        {"action": "reverse"},
        {"action": "closeall"},
    )
    return dict(chance.choice(words))


def _stated(chance: random.Random, recorder: int, states: list[int]) -> Json:
    before = states[recorder]
    step = chance.choice(("add", "add", "trim", "reverse", "flat"))
    direction = -1 if before < 0 else 1
    if before == 0 or step == "reverse":
        after = chance.randint(1, 4) * (-direction if before else chance.choice((1, -1)))
    elif step == "add":
        after = before + direction * chance.randint(1, 2) if abs(before) < 8 else direction
    else:
        after = before - direction if step == "trim" else 0
    states[recorder] = after
    return {
        "action": "buy" if after > before else "sell",
        "contracts": str(abs(after - before)),
        "market_position": "long" if after > 0 else "short" if after < 0 else "flat",
        "market_position_size": str(abs(after)),
        "prev_market_position": "long" if before > 0 else "short" if before < 0 else "flat",
        "prev_market_position_size": str(abs(before)),
    }
