"""Tries an alert on a recorder: what it holds, or might hold, and the last prices, put before the core."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from services.web.backend import Backend
from services.web.trials import Trial, TrialRefused
from shared.bus.connection import CONNECTION_LOST
from shared.bus.log_tape import LogTape
from shared.bus.tick_log import Heads, read_heads
from shared.domain.acceptance import accept_body
from shared.domain.contracts import Contract
from shared.domain.entry_filters import asks_the_past
from shared.domain.entry_history import day_of
from shared.domain.fold import RecorderFold
from shared.domain.placeholders import StrategyOrder, fill_placeholders
from shared.domain.position import Position
from shared.domain.refusals import SignalRefused
from shared.domain.rehearsal import Rehearsal, Scene, rehearse, suppose_held
from shared.domain.symbols import ResolvedSymbol, UnknownSymbol, normalize_symbol
from shared.store.contracts import contracts_in_force
from shared.store.entry_histories import load_entry_histories
from shared.store.positions import load_open_positions
from shared.store.recorders import Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """An alert as it would arrive, its placeholders filled in, the last price of its symbol, and what would come."""

    body: str
    last_price: Decimal | None
    rehearsal: Rehearsal


def try_alert(backend: Backend, recorder: Recorder, trial: Trial) -> Tried:
    """Tell what an alert would do to a recorder now; raises TrialRefused where a price is missing.

    Signals that are still on their way to being applied are not counted in what is held.
    """
    now = time.time_ns()
    with backend.engine.connect() as connection:
        contracts = contracts_in_force(connection, recorder.user_id).by_root
        stored = load_open_positions(connection, recorder.id) if trial.held == "now" else []
        days = {recorder.id: [day_of(now)]} if asks_the_past(recorder.settings) else {}
        history = load_entry_histories(connection, days).get(recorder.id)
    heads = _heads(backend)
    held = _advanced(backend, [each.position for each in stored], heads.place)
    prices = {symbol: tick.price for symbol, tick in heads.ticks.items()}
    body = _filled(trial, recorder, held, prices, contracts, now)
    concerned = _concerned(body, recorder, contracts, now)
    if concerned and trial.last_price is not None:
        prices[concerned.symbol] = trial.last_price
    if concerned and trial.held_signed:
        held = [_supposed(trial, recorder, concerned, prices.get(concerned.symbol))]
    held = [replace(each, last_price=prices.get(each.symbol, each.last_price)) for each in held]
    scene = Scene(held=held, last_prices=prices, occurred_at=now, contracts=contracts, history=history)
    last_price = prices.get(concerned.symbol) if concerned else None
    return Tried(body=body, last_price=last_price, rehearsal=rehearse(body, recorder.settings, scene))


def _heads(backend: Backend) -> Heads:
    try:
        return read_heads(backend.redis)
    except CONNECTION_LOST:
        return Heads(place=0, ticks={})


def _advanced(backend: Backend, positions: list[Position], place: int) -> list[Position]:
    """Take positions through the ticks that nobody has written down yet; those that close on the way are gone."""
    fold = RecorderFold(positions, {}, LogTape(backend.redis, {}))
    for position in positions:
        fold.advance(position.symbol, place)
    return [moved[-1] for moved in fold.positions.values() if moved[-1].is_open]


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
