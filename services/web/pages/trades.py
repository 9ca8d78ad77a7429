"""The list of trades, and one trade."""

from flask import abort, render_template, request

from services.web.backend import backend
from services.web.figures import ShownFigure
from services.web.pages.blueprint import pages
from services.web.pages.lists import PAGE_SIZE, ListView, given_filters, given_id, ticker_choices
from services.web.pages.viewer import viewer
from services.web.trade_view import REASONS, TradeView, view_trade, view_trades
from shared.store.pages import PageRefused
from shared.store.reports import recorder_choices, traded_tickers
from shared.store.trade_list import TradeFilter, list_trades, load_trade


@pages.get("/trades")
def trades() -> str:
    """List trades, filtered, sorted and paged by the query string."""
    filters = given_filters("recorder", "symbol", "side", "status", "reason")
    sort, cursor = request.args.get("sort") or "-opened", request.args.get("cursor")
    wanted = TradeFilter(
        recorder_id=given_id(filters, "recorder"),
        ticker=filters.get("symbol"),
        side=filters.get("side"),
        status=filters.get("status"),
        reason=filters.get("reason"),
    )
    with backend().engine.connect() as connection:
        try:
            page = list_trades(connection, viewer().id, wanted, sort=sort, cursor=cursor, limit=PAGE_SIZE)
        except PageRefused as refusal:
            abort(400, str(refusal))
        view = ListView(
            endpoint="pages.trades",
            filters=filters,
            sort=sort,
            cursor=cursor,
            next_cursor=page.next_cursor,
            rows=view_trades(page.items),
        )
        return render_template(
            "trades.html",
            list=view,
            reasons=REASONS,
            recorders=recorder_choices(connection, viewer().id, given_id(filters, "recorder")),
            tickers=ticker_choices(traded_tickers(connection, viewer().id), filters),
        )


@pages.get("/trades/<int:trade_id>")
def trade(trade_id: int) -> str:
    """Show one trade."""
    with backend().engine.connect() as connection:
        row = load_trade(connection, viewer().id, trade_id)
    if row is None:
        abort(404)
    view = view_trade(row)
    return render_template("trade.html", trade=view, figures=_figures(view))


def _figures(view: TradeView) -> list[ShownFigure]:
    return [
        ShownFigure(name="Profit", cell=view.pnl_cell, sub=view.pnl_cell.reason or "after commission"),
        ShownFigure(name="Drawdown", cell=view.drawdown_cell, sub=view.drawdown_cell.reason or "worst at any tick"),
        ShownFigure(name="Run-up", cell=view.runup_cell, sub="best at any tick"),
    ]
