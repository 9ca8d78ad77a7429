"""Statistics of a user's closed trades, of one recorder or of all, by currency."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from itertools import pairwise

from flask import Response, abort, jsonify, request
from werkzeug.exceptions import ServiceUnavailable

from services.web.api.blueprint import api, transaction, user_id
from services.web.api.encoding import MICROSECONDS, encode, encode_fields
from services.web.api.query import read_id, refuse_unknown
from services.web.results import ADDING_UP, read_days
from shared.domain.performance import START, EquityPoint, Figure, TickDrawdown, equity_curve
from shared.domain.result_days import ResultDay, drawdown_of_days, ends_of_days, summarize_days
from shared.domain.timestamps import format_timestamp
from shared.domain.trading_day import trading_day_start
from shared.store.recorders import find_recorder
from shared.store.result_days import Scope
from shared.store.results import load_closings

MIXED = "results in several currencies do not add up"
RETRY_AFTER_SECONDS = 10
CLOSINGS_A_PAGE = 1000  # and as many more as the last day has

DaysByCurrency = Mapping[str, Sequence[ResultDay]]


@api.get("/metrics")
def metrics() -> Response:
    """Compute the figures of each currency; the drawdown at tick precision counts open positions too."""
    refuse_unknown("recorder_id")
    days = _days(_scope())
    closed = {currency: each for currency, each in days.items() if any(day.trades for day in each)}
    drawdown = drawdown_of_days(next(iter((closed or days).values()), []))
    return jsonify(
        currencies={currency: _figures(each) for currency, each in closed.items()},
        tick_drawdown={"amount": None, "reason": MIXED} if len(closed) > 1 else _tick_drawdown(drawdown),
    )


@api.get("/equity")
def equity() -> Response:
    """Add up closed trades over time, by currency: each closing, in pages of whole trading days, or `by` day."""
    refuse_unknown("recorder_id", "by", "cursor")
    if request.args.get("by", "closing") not in ("closing", "day"):
        abort(400, "by: is not one of closing, day")
    scope = _scope()
    days = _days(scope)
    if request.args.get("by") == "day":
        curves = {currency: ends_of_days(each) for currency, each in days.items()}
        return jsonify(currencies=_encoded(curves), next_cursor=None)
    return _page_of_closings(scope, days, _cursor())


def _page_of_closings(scope: Scope | None, days: DaysByCurrency, first: date) -> Response:
    end = _end_of_page(days, first)
    curves = {}
    if scope is not None:
        with transaction() as connection:
            closings = load_closings(
                connection,
                scope,
                since=None if first == date.min else trading_day_start(first),
                before=None if end is None else trading_day_start(end),
            )
        before = {currency: [day for day in of_each if day.day < first] for currency, of_each in days.items()}
        curves = {
            currency: equity_curve(results, after=[START, *ends_of_days(before.get(currency, []))][-1])
            for currency, results in closings.items()
        }
    return jsonify(currencies=_encoded(curves), next_cursor=None if end is None else end.isoformat())


def _end_of_page(days: DaysByCurrency, first: date) -> date | None:
    """Find the day that the next page begins with; None if there is none."""
    rest = sorted((day for each in days.values() for day in each if day.day >= first), key=lambda day: day.day)
    closings = 0
    for day, following in pairwise(rest):
        closings += day.trades
        if closings >= CLOSINGS_A_PAGE and following.day > day.day:
            return following.day
    return None


def _cursor() -> date:
    text = request.args.get("cursor")
    try:
        return date.fromisoformat(text) if text else date.min
    except ValueError:
        abort(400, f"cursor: {text!r} is not one of this list; start again without it")


def _scope() -> Scope | None:
    """Say whose results are asked for; None: those of a recorder that the user does not have."""
    recorder_id = read_id("recorder_id")
    if recorder_id is None:
        return Scope(user_id=user_id())
    with transaction() as connection:
        if find_recorder(connection, user_id(), recorder_id) is None:
            return None
    return Scope(user_id=user_id(), recorder_id=recorder_id)


def _days(scope: Scope | None) -> DaysByCurrency:
    grouped: dict[str, list[ResultDay]] = {}
    days = read_days([scope]).get(scope) if scope else ()
    if days is None:
        raise ServiceUnavailable(f"{ADDING_UP.capitalize()}.", retry_after=RETRY_AFTER_SECONDS)
    for day in days:
        grouped.setdefault(day.currency, []).append(day)
    return grouped


def _figures(days: Sequence[ResultDay]) -> dict[str, object]:
    performance = summarize_days(days)
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


def _encoded(curves: Mapping[str, Sequence[EquityPoint]]) -> dict[str, list[dict[str, object]]]:
    return {currency: [_point(each) for each in points] for currency, points in curves.items() if points}


def _point(point: EquityPoint) -> dict[str, object]:
    return {
        "at": format_timestamp(point.at, MICROSECONDS),
        "equity": encode(point.equity),
        "underwater": encode(point.underwater),
    }
