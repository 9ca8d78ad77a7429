"""Tries alerts on a recorder without recording anything."""

import json
from decimal import Decimal
from typing import Any

from flask import Response, abort, jsonify
from msgspec.structs import asdict

from services.web.alert_trial import Tried, try_alert
from services.web.api.blueprint import api, found, read_object, transaction, user_id
from services.web.api.encoding import encode, encode_fields
from services.web.backend import backend
from services.web.planned_exits import PlannedExits, planned_exits
from services.web.problems import problem
from services.web.trial_warnings import warnings_about
from services.web.trials import Trial, TrialRefused, parse_trial
from shared.domain.exit_rules import BreakEvenRule, TrailRule
from shared.domain.position import Position
from shared.domain.rehearsal import Rehearsal, RehearsedFill
from shared.domain.timestamps import format_timestamp
from shared.domain.trades import Trade
from shared.store.position_rows import side_of
from shared.store.recorders import find_recorder


@api.post("/recorders/<int:recorder_id>/test")
def rehearse_alert(recorder_id: int) -> Response:
    """Tell what an alert would do now and why, without recording anything.

    `body` is what the alert would send, as text or as an object; TradingView's placeholders in it are filled in for an
    order that `order_action` and `order_contracts` describe. `held` is what to suppose: `now` for what is held, or
    `flat`, `long` or `short` with `held_quantity` and `held_price`.
    """
    trial = _trial()
    with transaction() as connection:
        recorder = found(find_recorder(connection, user_id(), recorder_id))
    tried = try_alert(backend(), recorder, trial)
    return jsonify(_described(tried) | {"warnings": warnings_about(tried, recorder.settings)})


@api.errorhandler(TrialRefused)
def _trial_refused(error: TrialRefused) -> Response:
    return problem(422, "Unprocessable Content", "Some fields are wrong.", errors=error.errors)


def _trial() -> Trial:
    given = read_object()
    body = given.pop("body", None)
    if isinstance(body, dict):
        body = json.dumps(body, default=str)
    if not isinstance(body, str):
        abort(422, "body: is neither a text nor an object")
    return parse_trial(body, given)


def _described(tried: Tried) -> dict[str, Any]:
    rehearsal, applied = tried.rehearsal, tried.rehearsal.applied
    return {
        "body": tried.body,
        "status": applied.status,
        "reason": applied.reason,
        "note": applied.note,
        "last_price": encode(tried.last_price),
        "read": _read(rehearsal),
        "held_before": [_position(each) for each in rehearsal.before],
        "fills": [_fill(each) for each in rehearsal.fills],
        "trades": [_trade(each) for each in rehearsal.trades],
        "held_after": [_position(each) for each in rehearsal.after],
    }


def _read(rehearsal: Rehearsal) -> dict[str, Any] | None:
    """What the body was read as; None where it is no signal."""
    if rehearsal.acceptance is None:
        return None
    signal, instrument = rehearsal.acceptance.signal, rehearsal.acceptance.instrument
    return {
        "symbol": instrument.symbol if instrument else None,
        "action": signal.action and signal.action.value,
        "price": encode(signal.price),
        "quantity": signal.quantity_text,
        "market_position": signal.market_position,
        "position_size": signal.position_size,
        "previous_size": signal.previous_size,
        "time": None if signal.occurred_at is None else format_timestamp(signal.occurred_at, 3),
        "id": signal.alert_id,
        "recorder": signal.recorder_name,
    }


def _position(position: Position) -> dict[str, Any]:
    exits = planned_exits(position)
    return {
        "symbol": position.symbol,
        "side": side_of(position.direction),
        "quantity": position.quantity,
        "avg_entry_price": encode(position.avg_entry_price),
        "stop": encode(exits.stop_price),
        "stop_reason": exits.stop_reason and exits.stop_reason.value,
        "trail": _rule(exits.trail),
        "break_even": _rule(exits.break_even, price=exits.break_even_price),
        "targets": [{"price": encode(leg.level.price), "quantity": leg.quantity} for leg in exits.targets],
        "average_down": _average_down(exits),
        "closes_at": None if exits.closes_at is None else format_timestamp(exits.closes_at, 3),
    }


def _average_down(exits: PlannedExits) -> dict[str, Any] | None:
    if exits.average_down_price is None:
        return None
    return {"price": encode(exits.average_down_price), "quantity": exits.average_down_quantity}


def _rule(rule: TrailRule | BreakEvenRule | None, **more: Decimal | None) -> dict[str, Any] | None:
    """A rule by its own names, such as `trigger_ticks`; None where there is none."""
    return None if rule is None else encode_fields(asdict(rule) | more)


def _fill(fill: RehearsedFill) -> dict[str, Any]:
    return {
        "symbol": fill.symbol,
        "action": "BUY" if fill.quantity > 0 else "SELL",
        "quantity": abs(fill.quantity),
        "price": encode(fill.price),
        "exit_reason": fill.reason and fill.reason.value,
    }


def _trade(trade: Trade) -> dict[str, Any]:
    return {
        "symbol": trade.symbol,
        "side": side_of(trade.direction),
        "quantity": trade.quantity,
        "entry_price": encode(trade.entry_price),
        "exit_price": encode(trade.exit_price),
        "pnl": encode(trade.pnl),
    }
