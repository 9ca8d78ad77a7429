"""Open positions, and one position with its trades."""

import time

from flask import abort, render_template

from services.web.backend import backend
from services.web.feed_state import last_ticks
from services.web.figures import ShownFigure
from services.web.formatting import result_cell
from services.web.fragments import position_parts
from services.web.pages.blueprint import pages
from services.web.pages.viewer import viewer
from services.web.position_view import PositionView, view_positions
from services.web.trade_view import view_trades
from shared.store.reports import load_position
from shared.store.trade_list import VOIDED, TradeFilter, list_trades

MOST_TRADES = 500


@pages.get("/positions")
def positions() -> str:
    """List what is open."""
    with backend().engine.connect() as connection:
        return render_template("positions.html", **position_parts(connection, viewer().id))


@pages.get("/positions/<int:position_id>")
def position(position_id: int) -> str:
    """Show one position and its trades."""
    with backend().engine.connect() as connection:
        row = load_position(connection, viewer().id, position_id)
        if row is None:
            abort(404)
        wanted = TradeFilter(position_id=position_id, status=VOIDED if row.voided_by else None)
        trades = list_trades(connection, viewer().id, wanted, sort="opened", limit=MOST_TRADES).items
    ticks = last_ticks([row.ticker]) if row.status == "open" else {}
    (view,) = view_positions([row], ticks, time.time_ns())
    return render_template("position.html", position=row, view=view, trades=view_trades(trades), figures=_figures(view))


def _figures(view: PositionView) -> list[ShownFigure]:
    drawdown = ShownFigure(name="Drawdown", cell=view.drawdown, sub=view.drawdown.reason, live=f"p{view.id}.drawdown")
    runup = ShownFigure(name="Run-up", cell=view.runup, live=f"p{view.id}.runup")
    booked = ShownFigure(name="Booked", cell=result_cell(view.realized_pnl, view.currency), sub="after commission")
    if view.status != "open":
        return [booked, drawdown, runup]
    return [ShownFigure(name="Open profit", cell=view.pnl, live=f"p{view.id}.pnl"), booked, drawdown, runup]
