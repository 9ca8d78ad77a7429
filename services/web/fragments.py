"""The parts of the dashboard that change while it is looked at: read, shown and, for the live stream, rendered."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import render_template
from markupsafe import Markup

from services.web.charts import NARROW, WIDE, equity_chart
from services.web.feed_state import last_ticks
from services.web.figures import Booked, large_figures, mixed_currencies, recorder_lines
from services.web.position_view import view_positions
from services.web.trade_view import view_trades
from shared.domain.performance import equity_curve
from shared.domain.timestamps import from_datetime
from shared.domain.trading_day import trading_day, trading_day_start
from shared.store.database import Connection
from shared.store.reports import open_positions, recorder_names
from shared.store.results import booked_results, load_courses
from shared.store.signal_list import SignalFilter, list_signals
from shared.store.trade_list import TradeFilter, list_trades

RECENT = 8
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
    return {"positions": view_positions(rows, last_ticks({row.ticker for row in rows}), time.time_ns())}


def result_parts(connection: Connection, user_id: int, zone: ZoneInfo, recorder_id: int | None = None) -> Parts:
    """Read what was booked: figures, equity curve, results by recorder."""
    booked = Booked(
        results=booked_results(connection, user_id, recorder_id=recorder_id),
        courses=load_courses(connection, user_id, recorder_id=recorder_id),
    )
    begin = from_datetime(trading_day_start(trading_day(datetime.now(UTC))))
    today = [each for each in booked.results if each.result.exited_at >= begin]
    return {
        "figures": large_figures(booked, today),
        "equity": equity_part(booked, zone),
        "by_recorder": recorder_lines(booked, recorder_names(connection, user_id)),
    }


def trade_parts(connection: Connection, user_id: int) -> Parts:
    """Read the trades that closed last."""
    page = list_trades(connection, user_id, TradeFilter(status="closed"), sort="-closed", limit=RECENT)
    return {"trades": view_trades(page.items)}


def signal_parts(connection: Connection, user_id: int) -> Parts:
    """Read the signals that arrived last."""
    signals: Sequence[Any] = list_signals(connection, user_id, SignalFilter(), limit=RECENT).items
    return {"signals": signals}


def equity_part(booked: Booked, zone: ZoneInfo) -> Mapping[str, Markup | str]:
    """Draw the equity curve in both sizes, or say why there is none."""
    mixed = mixed_currencies(booked)
    points = [] if mixed else equity_curve(each.result for each in booked.results)
    return {
        "wide": equity_chart(points, zone, booked.currencies[0], WIDE),
        "narrow": equity_chart(points, zone, booked.currencies[0], NARROW),
        "title": "No curve" if mixed else "No closed trade yet",
        "reason": mixed or "The curve starts with the first closed trade.",
    }


def render_fragments(parts: Parts, zone: ZoneInfo) -> dict[str, str]:
    """Render the fragments whose parts are given."""
    given = {name.replace("_", "-") for name in parts}
    return {name: render_template(TEMPLATES[name], zone=zone, **parts) for name in TEMPLATES if name in given}
