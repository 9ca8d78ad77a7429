"""Closes positions by hand, one or all of a recorder, after asking on a page."""

from typing import Any

from flask import abort, flash, redirect, url_for
from werkzeug.wrappers import Response

from services.web.backend import backend
from services.web.manual_signals import NothingOpen, close_by_hand
from services.web.pages.blueprint import pages
from services.web.pages.question import Question, ask
from services.web.pages.recorders import own_recorder
from services.web.pages.viewer import viewer
from shared.store.reports import load_position

HOW = "It is closed in the record, at the price of the last tick. Orders at a broker are not touched."
ON_ITS_WAY = "Closing at the last tick's price. It shows here as soon as it is applied."


@pages.get("/positions/<int:position_id>/close")
def ask_to_close(position_id: int) -> str:
    """Ask before one position is closed."""
    position = _own_position(position_id)
    held = f"{position.side.lower()} {position.total_quantity} {position.ticker}"
    question = Question(title=f"Close {held} of {position.recorder}?", text=HOW, button="Close now", tone="danger")
    return ask(question, url_for("pages.position", position_id=position_id))


@pages.post("/positions/<int:position_id>/close")
def close_position(position_id: int) -> Response:
    """Close the position."""
    position = _own_position(position_id)
    _close(position.recorder_id, position.ticker)
    return redirect(url_for("pages.position", position_id=position_id))


@pages.get("/recorders/<int:recorder_id>/close")
def ask_to_close_all(recorder_id: int) -> str:
    """Ask before all positions of a recorder are closed."""
    title = f"Close all open positions of {own_recorder(recorder_id).name}?"
    question = Question(title=title, text=HOW, button="Close all now", tone="danger")
    return ask(question, url_for("pages.recorder", recorder_id=recorder_id))


@pages.post("/recorders/<int:recorder_id>/close")
def close_all(recorder_id: int) -> Response:
    """Close all positions of the recorder."""
    _close(recorder_id, None)
    return redirect(url_for("pages.recorder", recorder_id=recorder_id))


def _close(recorder_id: int, symbol: str | None) -> None:
    try:
        accepted = close_by_hand(backend(), viewer().id, recorder_id, symbol)
    except NothingOpen as nothing:
        flash(f"Nothing to close: {nothing}.")
        return
    if accepted is None:
        abort(404)
    flash(ON_ITS_WAY)


def _own_position(position_id: int) -> Any:
    with backend().engine.connect() as connection:
        position = load_position(connection, viewer().id, position_id)
    if position is None:
        abort(404)
    return position
