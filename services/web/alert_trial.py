"""Tries an alert on a recorder: what it holds, or might hold, and the last prices, put before the core."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from services.web.backend import Backend
from services.web.recorder_now import look_at_recorder
from services.web.trials import Trial, TrialRefused
from shared.domain.acceptance import accept_body
from shared.domain.contracts import Contract
from shared.domain.placeholders import StrategyOrder, fill_placeholders
from shared.domain.position import Position
from shared.domain.refusals import SignalRefused
from shared.domain.rehearsal import Rehearsal, Scene, rehearse, suppose_held
from shared.domain.symbols import ResolvedSymbol, UnknownSymbol, normalize_symbol
from shared.store.recorders import Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """An alert as it would arrive, its placeholders filled in, the last price of its symbol, and what would come."""

    body: str
    last_price: Decimal | None
    rehearsal: Rehearsal


def try_alert(backend: Backend, recorder: Recorder, trial: Trial) -> Tried:
    """Tell what an alert would do to a recorder now, behind what was accepted before it.

    Raises TrialRefused where a price is missing.
    """
    now = time.time_ns()
    stands = look_at_recorder(backend, recorder, now=now)
    held = list(stands.held) if trial.held == "now" else []
    contracts, prices = stands.contracts, dict(stands.prices)
    body = _filled(trial, recorder, held, prices, contracts, now)
    concerned = _concerned(body, recorder, contracts, now)
    if concerned and trial.last_price is not None:
        prices[concerned.symbol] = trial.last_price
    if concerned and trial.held_signed:
        held = [_supposed(trial, recorder, concerned, prices.get(concerned.symbol))]
    held = [replace(each, last_price=prices.get(each.symbol, each.last_price)) for each in held]
    scene = Scene(held=held, last_prices=prices, occurred_at=now, contracts=contracts, history=stands.history)
    last_price = prices.get(concerned.symbol) if concerned else None
    return Tried(body=body, last_price=last_price, rehearsal=rehearse(body, recorder.settings, scene))


def _filled(
    trial: Trial,
    recorder: Recorder,
    held: list[Position],
    prices: Mapping[str, Decimal],
    contracts: Mapping[str, Contract],
    now: int,
) -> str:
    """Fill in the placeholders for the order that the trial supposes, at the last price."""
    ticker = trial.ticker or recorder.settings.symbol or next((each.symbol for each in held), None)
    instrument = _resolved(ticker, contracts, now)
    symbol = instrument.symbol if instrument else ""
    before = trial.held_signed or sum(each.held for each in held if each.symbol == symbol)
    order = StrategyOrder(
        ticker=ticker,
        contracts=trial.order_signed,
        held_before=before,
        price=trial.last_price if trial.last_price is not None else prices.get(symbol),
        filled_at=now,
    )
    return fill_placeholders(trial.body, order)


def _concerned(body: str, recorder: Recorder, contracts: Mapping[str, Contract], now: int) -> ResolvedSymbol | None:
    """Find the symbol that an alert is about: its own or the recorder's; None where it will be refused anyway."""
    try:
        acceptance = accept_body(body, recorder.settings, received_at=now, contracts=contracts)
    except SignalRefused:
        return None
    return acceptance.instrument or _resolved(recorder.settings.symbol, contracts, now)


def _resolved(text: str | None, contracts: Mapping[str, Contract], now: int) -> ResolvedSymbol | None:
    if text is None:
        return None
    try:
        return normalize_symbol(text, occurred_at=now, contracts=contracts)
    except UnknownSymbol:
        return None


def _supposed(trial: Trial, recorder: Recorder, instrument: ResolvedSymbol, last_price: Decimal | None) -> Position:
    price = trial.held_price if trial.held_price is not None else last_price
    if price is None:
        raise TrialRefused({"held_price": f"no tick of {instrument.symbol} has been seen, so it needs a price"})
    return suppose_held(instrument, recorder.settings, held=trial.held_signed, price=price, last_price=last_price)
