"""Voids trades, signals and prints, and takes it back, after asking on a page."""

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from services.web.backend import backend
from services.web.corrections import (
    CannotVoid,
    TradeToVoid,
    find_trade_to_void,
    void_signal,
    void_tick,
    void_trade,
)
from services.web.pages.blueprint import pages
from services.web.pages.question import Question, ask
from services.web.pages.viewer import viewer
from services.web.prints import suspect_prints
from shared.correction import STILL_OPEN
from shared.domain.places import place_from_stream_id, stream_id
from shared.domain.timestamps import to_datetime
from shared.store.signal_list import load_signal
from shared.store.signals import CORRECTION
from shared.store.trade_list import load_trade

RECOMPUTED = (
    "It is as though the alert that made it had never come. Everything this recorder did since then is computed again"
    " from the ticks: other trades may change, appear or go. What was recorded before stays to be seen as voided,"
    " and you can take it back while the ticks are kept."
)
MARKED = (
    "The ticks since its entry are no longer kept, so nothing can be computed again: its position is taken out of every"
    " total, and what came after it stays as it was recorded."
)
ON_ITS_WAY = "Accepted. What comes of it shows here as soon as it is applied."


@pages.get("/trades/<int:trade_id>/void")
def ask_to_void(trade_id: int) -> str:
    """Ask before a trade is voided, and say what will happen."""
    found = _own_trade(trade_id)
    trade = found.trade
    title = f"Void {trade.side.lower()} {trade.quantity} {trade.ticker} of {trade.recorder}?"
    back = url_for("pages.trade", trade_id=trade_id)
    if not found.in_reach and trade.status == "open":
        abort(409, f"It cannot be voided: {STILL_OPEN}.")
    text = RECOMPUTED if found.in_reach else MARKED
    return ask(Question(title=title, text=text, button="Void this trade", tone="danger"), back)


@pages.post("/trades/<int:trade_id>/void")
def void_it(trade_id: int) -> Response:
    """Void the trade, and show the signal that does it."""
    try:
        return _shown(void_trade(backend(), viewer().id, trade_id))
    except CannotVoid as refusal:
        return _refused(refusal, url_for("pages.trade", trade_id=trade_id))


@pages.get("/signals/<int:signal_id>/void")
def ask_to_void_signal(signal_id: int) -> str:
    """Ask before a signal is voided, or a correction taken back."""
    with backend().engine.connect() as connection:
        row = load_signal(connection, viewer().id, signal_id)
    if row is None:
        abort(404)
    if row.signal_type == CORRECTION:
        title, button = f"Take correction {signal_id} back?", "Take it back"
    else:
        title, button = f"Void signal {signal_id}?", "Void this signal"
    text = "Everything this recorder did since then is computed again from the ticks, as far as they are kept."
    question = Question(title=title, text=text, button=button, tone="danger")
    return ask(question, url_for("pages.signal", signal_id=signal_id))


@pages.post("/signals/<int:signal_id>/void")
def void_the_signal(signal_id: int) -> Response:
    """Void the signal, or take the correction back."""
    try:
        return _shown(void_signal(backend(), viewer().id, signal_id))
    except CannotVoid as refusal:
        return _refused(refusal, url_for("pages.signal", signal_id=signal_id))


@pages.get("/trades/<int:trade_id>/prints")
def prints(trade_id: int) -> str:
    """Show the prints of a trade that may be wrong, each with a button that voids it."""
    found = _own_trade(trade_id)
    shown = suspect_prints(backend().redis, found.trade, after=found.opened_at_place)
    return render_template(
        "prints.html",
        trade=found.trade,
        prints=shown,
        id_of=lambda each: stream_id(each.tick.place),
        at=lambda each: to_datetime(each.tick.occurred_at),
    )


@pages.post("/trades/<int:trade_id>/prints")
def void_print(trade_id: int) -> Response:
    """Void one of the prints."""
    with backend().engine.connect() as connection:
        trade = load_trade(connection, viewer().id, trade_id)
    if trade is None:
        abort(404)
    try:
        place = place_from_stream_id(request.form.get("tick", ""))
    except ValueError as error:
        abort(400, str(error))
    try:
        return _shown(void_tick(backend(), viewer().id, trade.recorder_id, trade.ticker, place))
    except CannotVoid as refusal:
        return _refused(refusal, url_for("pages.trade", trade_id=trade_id))


def _own_trade(trade_id: int) -> TradeToVoid:
    with backend().engine.connect() as connection:
        try:
            found = find_trade_to_void(backend(), connection, viewer().id, trade_id)
        except CannotVoid as refusal:
            abort(409, f"It cannot be voided: {refusal}.")
    if found is None:
        abort(404)
    return found


def _shown(signal_id: int | None) -> Response:
    if signal_id is None:
        abort(404)
    flash(ON_ITS_WAY)
    return redirect(url_for("pages.signal", signal_id=signal_id))


def _refused(refusal: CannotVoid, back: str) -> Response:
    flash(f"Not voided: {refusal}.")
    return redirect(back)
