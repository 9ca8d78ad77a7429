"""The list of signals, one signal with its raw body, and sending it again."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from services.web.backend import backend
from services.web.formatting import NO_VALUE, format_number, format_price
from services.web.manual_signals import NotRejected, send_again
from services.web.pages.blueprint import pages
from services.web.pages.lists import PAGE_SIZE, ListView, given_filters, given_id, ticker_choices
from services.web.pages.question import Question, ask
from services.web.pages.viewer import viewer
from shared.bus.connection import CONNECTION_LOST
from shared.bus.tick_log import last_price_at
from shared.store.pages import PageRefused
from shared.store.reports import recorder_choices, traded_tickers
from shared.store.signal_list import SignalFilter, list_signals, load_signal
from shared.store.voiding import load_voided_ticks


@pages.get("/signals")
def signals() -> str:
    """List signals, newest first, filtered and paged by the query string."""
    filters = given_filters("recorder", "symbol", "status")
    cursor = request.args.get("cursor")
    wanted = SignalFilter(
        recorder_id=given_id(filters, "recorder"), ticker=filters.get("symbol"), status=filters.get("status")
    )
    with backend().engine.connect() as connection:
        try:
            page = list_signals(connection, viewer().id, wanted, cursor=cursor, limit=PAGE_SIZE)
        except PageRefused as refusal:
            abort(400, str(refusal))
        view = ListView(
            endpoint="pages.signals",
            filters=filters,
            sort="-received",
            cursor=cursor,
            next_cursor=page.next_cursor,
            rows=page.items,
        )
        return render_template(
            "signals.html",
            list=view,
            recorders=recorder_choices(connection, viewer().id, given_id(filters, "recorder")),
            tickers=ticker_choices(traded_tickers(connection, viewer().id), filters),
            stated=stated_position,
            signal_price=signal_price,
        )


@pages.get("/signals/<int:signal_id>")
def signal(signal_id: int) -> str:
    """Show one signal with its body as it arrived."""
    with backend().engine.connect() as connection:
        row = load_signal(connection, viewer().id, signal_id)
        if row is None:
            abort(404)
        voided = load_voided_ticks(connection, row.recorder_id) if row.recorder_id else frozenset()
    body = bytes(row.raw_data).decode("utf-8", errors="backslashreplace")
    return render_template(
        "signal.html",
        signal=row,
        body=body,
        stated=stated_position,
        signal_price=signal_price,
        market_price=_market_price(row, voided),
    )


@pages.get("/signals/<int:signal_id>/resend")
def ask_to_resend(signal_id: int) -> str:
    """Ask before a rejected signal is sent again."""
    with backend().engine.connect() as connection:
        row = load_signal(connection, viewer().id, signal_id)
    if row is None:
        abort(404)
    text = "Its body is taken as an alert that arrives now, with the settings and at the prices of now."
    question = Question(title=f"Send signal {signal_id} again?", text=text, button="Send again")
    return ask(question, url_for("pages.signal", signal_id=signal_id))


@pages.post("/signals/<int:signal_id>/resend")
def resend(signal_id: int) -> Response:
    """Send a rejected signal again, and show what it is stored as."""
    try:
        stored = send_again(backend(), viewer().id, signal_id)
    except NotRejected as refused:
        flash(f"Not sent: {refused}.")
        return redirect(url_for("pages.signal", signal_id=signal_id))
    if stored is None:
        abort(404)
    flash("Sent again. What came of it is shown here as soon as it is applied.")
    return redirect(url_for("pages.signal", signal_id=stored.id))


def _market_price(row: Any, voided: Collection[int]) -> Decimal | None:
    """Say what a signal's symbol was worth when it came: at the last print that is not voided, if the log tells."""
    stored: Decimal | None = row.market_price
    if not voided or row.place is None or row.ticker is None:
        return stored
    try:
        price = last_price_at(backend().redis, row.ticker, row.place, without=voided)
    except CONNECTION_LOST:
        price = None
    return stored if price is None else price


def stated_position(row: Any) -> str:
    """Write the position that a signal states: `long 2`, `flat`."""
    side = row.market_position or ""
    if row.position_size is None or side == "flat":
        return side or NO_VALUE
    return f"{side} {format_number(abs(row.position_size))}".strip() if side else format_number(row.position_size)


def signal_price(row: Any) -> str:
    """Write the price that a signal carries, as its contract's prices are written."""
    if row.price is None:
        return NO_VALUE
    return format_number(row.price) if row.tick_size is None else format_price(row.price, row.tick_size)
