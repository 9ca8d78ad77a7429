"""Statistics of a user's closed trades, of one recorder or of all, by currency."""

from collections.abc import Sequence
from dataclasses import asdict

from flask import Response, jsonify

from services.web.api.blueprint import api, transaction, user_id
from services.web.api.encoding import encode, encode_fields
from services.web.api.query import read_id, refuse_unknown
from shared.domain.performance import (
    Figure,
    Result,
    TickDrawdown,
    equity_curve,
    summarize_trades,
    tick_drawdown,
)
from shared.domain.timestamps import to_datetime
from shared.store.results import RecorderResult, booked_results, load_courses

MIXED = "results in several currencies do not add up"


@api.get("/metrics")
def metrics() -> Response:
    """Compute the figures of each currency; the drawdown at tick precision counts open positions too."""
    refuse_unknown("recorder_id")
    recorder_id = read_id("recorder_id")
    with transaction() as connection:
        results = booked_results(connection, user_id(), recorder_id=recorder_id)
        courses = load_courses(connection, user_id(), recorder_id=recorder_id)
    by_currency = _by_currency(results)
    drawdown = tick_drawdown(course for of_recorder in courses.values() for course in of_recorder)
    mixed = len(by_currency) > 1
    return jsonify(
        currencies={currency: _figures(each) for currency, each in by_currency.items()},
        tick_drawdown={"amount": None, "reason": MIXED} if mixed else _tick_drawdown(drawdown),
    )


@api.get("/equity")
def equity() -> Response:
    """Add up closed trades over time, by currency."""
    refuse_unknown("recorder_id")
    with transaction() as connection:
        results = booked_results(connection, user_id(), recorder_id=read_id("recorder_id"))
    return jsonify(currencies={currency: _curve(each) for currency, each in _by_currency(results).items()})


def _by_currency(results: Sequence[RecorderResult]) -> dict[str, list[Result]]:
    grouped: dict[str, list[Result]] = {}
    for each in results:
        grouped.setdefault(each.currency, []).append(each.result)
    return grouped


def _figures(results: Sequence[Result]) -> dict[str, object]:
    performance = summarize_trades(results)
    return {
        "trades": performance.trades,
        "wins": performance.wins,
        "net_profit": encode(performance.net_profit),
        "profit_factor": _figure(performance.profit_factor),
        "win_rate": _figure(performance.win_rate),
        "closed_drawdown": encode(performance.closed_drawdown),
    }


def _tick_drawdown(drawdown: TickDrawdown) -> dict[str, object]:
    return {**encode_fields(asdict(drawdown)), "at_least": drawdown.at_least}


def _figure(figure: Figure) -> dict[str, object]:
    return {"value": encode(figure.value)} if figure.value is not None else {"value": None, "reason": figure.reason}


def _curve(results: Sequence[Result]) -> list[dict[str, object]]:
    return [
        {"at": encode(to_datetime(point.at)), "equity": encode(point.equity), "underwater": encode(point.underwater)}
        for point in equity_curve(results)
    ]
