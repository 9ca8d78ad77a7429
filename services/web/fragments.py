"""The parts of the dashboard that change while it is looked at: read, shown and, for the live stream, rendered."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import render_template
from markupsafe import Markup

from services.web.backend import backend
from services.web.charts import NARROW, WIDE, equity_chart
from services.web.feed_state import last_ticks
from services.web.figures import (
    RecorderLine,
    currencies,
    large_figures,
    mixed_currencies,
    recorder_lines,
    unknown_figures,
)
from services.web.position_view import view_positions
from services.web.results import ADDING_UP, read_curve, read_days, steps_by_day
from services.web.trade_view import view_trades
from shared.domain.result_days import ResultDay
from shared.domain.trading_day import trading_day
from shared.store.database import Connection
from shared.store.reports import POSITIONS_LISTED, busiest_recorders, open_positions
from shared.store.result_days import Scope
from shared.store.signal_list import SignalFilter, list_signals
from shared.store.trade_list import TradeFilter, list_trades

RECENT = 8
RECORDERS_SHOWN = 20
# Names of the fragments on a page -> their templates.
TEMPLATES = {
    "positions": "_positions.html",
    "figures": "_figures.html",
    "equity": "_equity.html",
    "by-recorder": "_by_recorder.html",
    "trades": "_recent_trades.html",
    "signals": "_recent_signals.html",
}

Parts = Mapping[str, Any]


def position_parts(connection: Connection, user_id: int, recorder_id: int | None = None) -> Parts:
    """Read the open positions as of the last ticks."""
    rows = open_positions(connection, user_id, recorder_id)
    return {
        "positions": view_positions(rows, last_ticks({row.ticker for row in rows}), time.time_ns()),
        "listed_at_most": POSITIONS_LISTED,
    }


def result_parts(scope: Scope, zone: ZoneInfo) -> Parts:
    """Read what was booked, on connections of its own: figures and equity curve, or that they are being added up."""
    return _result_parts(scope, read_days([scope]).get(scope), zone)


def overall_parts(user_id: int, zone: ZoneInfo) -> Parts:
    """Read what all recorders booked together, and each of the busiest ones; on connections of its own."""
    with backend().engine.connect() as connection:
        names = busiest_recorders(connection, user_id, most=RECORDERS_SHOWN)
    everything, single = Scope(user_id=user_id), _scopes_of(user_id, names)
    days = read_days([everything, *single], in_total=single)
    lines = _lines_by_recorder(single, days, names)
    return {**_result_parts(everything, days.get(everything), zone), "by_recorder": lines}


def lines_by_recorder(user_id: int, names: Mapping[int, str]) -> list[RecorderLine]:
    """Read what each of some recorders of a user booked, on a connection of its own."""
    scopes = _scopes_of(user_id, names)
    return _lines_by_recorder(scopes, read_days(scopes, in_total=scopes), names)


def _scopes_of(user_id: int, names: Mapping[int, str]) -> Mapping[Scope, int]:
    return {Scope(user_id=user_id, recorder_id=each): each for each in names}


def _lines_by_recorder(
    scopes: Mapping[Scope, int], days: Mapping[Scope, Sequence[ResultDay]], names: Mapping[int, str]
) -> list[RecorderLine]:
    of_recorders = {scopes[scope]: of_scope for scope, of_scope in days.items() if scope in scopes}
    return recorder_lines(of_recorders, names, unknown=ADDING_UP)


def _result_parts(scope: Scope, days: Sequence[ResultDay] | None, zone: ZoneInfo) -> Parts:
    if days is None:
        nothing = {"wide": "", "narrow": "", "title": "No curve yet", "reason": f"{ADDING_UP.capitalize()}."}
        return {"figures": unknown_figures(ADDING_UP), "equity": nothing}
    return {
        "figures": large_figures(days, trading_day(datetime.now(UTC))),
        "equity": _equity(scope, zone, days),
    }


def trade_parts(connection: Connection, user_id: int) -> Parts:
    """Read the trades that closed last."""
    page = list_trades(connection, user_id, TradeFilter(status="closed"), sort="-closed", limit=RECENT)
    return {"trades": view_trades(page.items)}


def signal_parts(connection: Connection, user_id: int) -> Parts:
    """Read the signals that arrived last."""
    signals: Sequence[Any] = list_signals(connection, user_id, SignalFilter(), limit=RECENT).items
    return {"signals": signals}


def _equity(scope: Scope, zone: ZoneInfo, days: Sequence[ResultDay]) -> Mapping[str, Markup | str]:
    """Draw the equity curve in both sizes, or say why there is none."""
    mixed, currency = mixed_currencies(days), currencies(days)[0]
    points = [] if mixed else read_curve(scope, days)
    many, closings = steps_by_day(days), sum(day.trades for day in days)
    wide, narrow = (equity_chart(points, zone, currency, size, closings if many else None) for size in (WIDE, NARROW))
    return {
        "wide": wide,
        "narrow": narrow,
        "step": "trading day" if many else "closing",
        "title": "No curve" if mixed else "No closed trade yet",
        "reason": mixed or "The curve starts with the first closed trade.",
    }


def render_fragments(parts: Parts, zone: ZoneInfo) -> dict[str, str]:
    """Render the fragments whose parts are given."""
    given = {name.replace("_", "-") for name in parts}
    return {name: render_template(TEMPLATES[name], zone=zone, **parts) for name in TEMPLATES if name in given}
