"""Corrections: users void trades, signals and ticks, and take it back."""

import time
from decimal import Decimal
from typing import Any

from flask import Response, abort, jsonify, url_for

from services.web.api.blueprint import api, found, read_object, transaction, user_id
from services.web.api.encoding import MICROSECONDS, encode
from services.web.backend import backend
from services.web.corrections import CannotVoid, find_trade_to_void, void_signal, void_tick, void_trade
from services.web.prints import find_tick, suspect_prints
from services.web.problems import problem
from shared.domain.numbers import parse_positive
from shared.domain.places import place_from_stream_id, stream_id
from shared.domain.refusals import ValueRefused
from shared.domain.symbols import UnknownSymbol, normalize_symbol
from shared.domain.timestamps import format_timestamp, parse_timestamp
from shared.store.contracts import contracts_in_force

Accepted = tuple[Response, int, dict[str, str]]


@api.post("/trades/<int:trade_id>/void")
def void_one_trade(trade_id: int) -> Accepted:
    """Void a trade: it is as though the alert that made its entry had never come, and what followed is recomputed.

    It is a signal: stored, and applied a moment later. Where the ticks since then are no longer kept, the trade's
    position is taken out of every total, and what came after it stays as it was recorded; the signal's `note` says so.
    Voiding `signal_id` takes it back. Once voided, the answer names the signal that did it. 409 where the trade is
    still open and its ticks are gone.
    """
    return _accepted(found(void_trade(backend(), user_id(), trade_id)))


@api.post("/signals/<int:signal_id>/void")
def void_one_signal(signal_id: int) -> Accepted:
    """Void a recorded signal, as though it had never come; voiding a correction takes that one back.

    409 where it was not recorded.
    """
    return _accepted(found(void_signal(backend(), user_id(), signal_id)))


@api.get("/trades/<int:trade_id>/prints")
def trade_prints(trade_id: int) -> Response:
    """List the ticks of a trade that may be bad prints: its worst, its best and the last one, with their ids."""
    with transaction() as connection:
        trade = found(find_trade_to_void(backend(), connection, user_id(), trade_id))
    prints = suspect_prints(backend().redis, trade.trade, after=trade.opened_at_place)
    items = [
        {
            "id": stream_id(each.tick.place),
            "symbol": each.tick.symbol,
            "time": format_timestamp(each.tick.occurred_at, MICROSECONDS),
            "price": encode(each.tick.price),
            "role": each.role,
        }
        for each in prints
    ]
    return jsonify(items=items, next_cursor=None)


@api.post("/recorders/<int:recorder_id>/void-tick")
def void_one_tick(recorder_id: int) -> Accepted:
    """Void a bad print: for this recorder it is as though that tick had never been; others are not touched.

    `symbol` and the `id` of the tick, or its `time` and `price`. 409 where the tick, or one since the opening of a
    position that saw it, is no longer kept.
    """
    symbol, place = _tick()
    return _accepted(found(void_tick(backend(), user_id(), recorder_id, symbol, place)))


@api.errorhandler(CannotVoid)
def _cannot_void(refusal: CannotVoid) -> Response:
    return problem(409, "Conflict", f"{refusal}.")


def _accepted(signal_id: int) -> Accepted:
    location = {"Location": url_for("api.signal", signal_id=signal_id)}
    return jsonify(signal_id=signal_id, status="accepted"), 202, location


def _tick() -> tuple[str, int]:
    given = read_object()
    if set(given) not in ({"symbol", "id"}, {"symbol", "time", "price"}):
        abort(422, "The fields are symbol and id, or symbol, time and price.")
    try:
        symbol = _symbol(str(given["symbol"]))
        if "id" in given:
            return symbol, place_from_stream_id(str(given["id"]))
        occurred_at, price = parse_timestamp(str(given["time"])), _price(given["price"])
    except (ValueRefused, ValueError) as refusal:
        abort(422, f"{refusal}.")
    tick = find_tick(backend().redis, symbol, occurred_at, price)
    if tick is None:
        raise CannotVoid(f"the log has no such tick of {symbol}, or no longer")
    return symbol, tick.place


def _price(given: Any) -> Decimal:
    return parse_positive(str(given))


def _symbol(text: str) -> str:
    with transaction() as connection:
        contracts = contracts_in_force(connection, user_id()).by_root
    try:
        return normalize_symbol(text, occurred_at=time.time_ns(), contracts=contracts).symbol
    except UnknownSymbol as unknown:
        raise ValueRefused(str(unknown)) from unknown
