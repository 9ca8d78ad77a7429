"""The dashboard: how it goes, today and in all."""

from flask import render_template

from services.web.backend import backend
from services.web.feed_state import feed_cell
from services.web.fragments import overall_parts, position_parts, signal_parts, trade_parts
from services.web.pages.blueprint import pages
from services.web.pages.viewer import viewer, viewer_zone


@pages.get("/")
def dashboard() -> str:
    """Show the figures, what is open, the equity curve and what happened last."""
    user = viewer()
    results = overall_parts(user.id, viewer_zone())
    with backend().engine.connect() as connection:
        parts = {
            **results,
            **position_parts(connection, user.id),
            **trade_parts(connection, user.id),
            **signal_parts(connection, user.id),
        }
    return render_template("dashboard.html", problems=_problems(), **parts)


def _problems() -> list[dict[str, str]]:
    """Say what is wrong, and what is safe all the same."""
    feed = feed_cell()
    if feed.tone != "stale":
        return []
    safe = "Signals are stored and applied; drawdowns mark the time that was missed."
    return [{"title": f"{feed.text}.", "text": f"{feed.reason.capitalize()}." if feed.reason else safe}]
