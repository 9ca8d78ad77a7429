"""Adds, changes, starts, stops and deletes recorders; what cannot be taken back is asked first, on a page."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from services.web.archiving import StillHolds, archive
from services.web.backend import backend
from services.web.manual_signals import NothingOpen, close_by_hand
from services.web.pages.blueprint import pages
from services.web.pages.closing import ON_ITS_WAY
from services.web.pages.lists import given_filters, given_id
from services.web.pages.question import Question, ask
from services.web.pages.recorders import own_recorder
from services.web.pages.viewer import viewer
from services.web.recorder_form import FIELDS, SECTIONS, form_values, target_rows, typed_values
from shared.domain.recorder_settings import RecorderSettings, SettingsRefused, parse_recorder_settings, settings_as_json
from shared.domain.symbols import UnknownSymbol, normalize_symbol
from shared.store.archive import restore_recorder
from shared.store.contracts import contracts_in_force
from shared.store.recorders import (
    Recorder,
    RecorderNameTaken,
    create_recorder,
    delete_recorder,
    rotate_webhook_token,
    update_recorder,
)

Answer = str | Response | tuple[str, int]
UNPROCESSABLE = 422
ALSO_CLOSE = "Also close what is held now, at the last tick's price"


@pages.route("/recorders/new", methods=["GET", "POST"])
def new_recorder() -> Answer:
    """Show the form of a new recorder, or add it; `like` in the query names the one whose settings it starts from."""
    model = _model()
    if request.method == "GET":
        return _form(None, form_values(model) | ({"name": f"{model.name} copy"} if model else {}), {})
    typed = typed_values(request.form)
    try:
        settings = _parse((settings_as_json(model) if model else {}) | typed)
        with backend().engine.begin() as connection:
            created, _ = create_recorder(connection, viewer().id, settings, backend().cipher)
    except SettingsRefused as refusal:
        return _form(None, typed, refusal.errors), UNPROCESSABLE
    except RecorderNameTaken as taken:
        return _form(None, typed, {"name": str(taken)}), UNPROCESSABLE
    flash(f"{created.name} is ready. Paste its URL and message into a TradingView alert.")
    return redirect(url_for("pages.recorder", recorder_id=created.id))


@pages.route("/recorders/<int:recorder_id>/edit", methods=["GET", "POST"])
def edit_recorder(recorder_id: int) -> Answer:
    """Show the form of a recorder's settings, or put new ones in force."""
    found = own_recorder(recorder_id)
    if request.method == "GET":
        return _form(found, form_values(found.settings), {})
    typed = typed_values(request.form)
    try:
        _save(found, _parse(settings_as_json(found.settings) | typed))
    except SettingsRefused as refusal:
        return _form(found, typed, refusal.errors), UNPROCESSABLE
    except RecorderNameTaken as taken:
        return _form(found, typed, {"name": str(taken)}), UNPROCESSABLE
    flash("Saved. Signals accepted from now on follow these settings; an open position keeps its exits.")
    return redirect(url_for("pages.recorder", recorder_id=recorder_id))


@pages.post("/recorders/<int:recorder_id>/start")
def start(recorder_id: int) -> Response:
    """Let the recorder take entries."""
    found = own_recorder(recorder_id)
    _save(found, replace(found.settings, recording_enabled=True))
    return redirect(url_for("pages.recorder", recorder_id=recorder_id))


@pages.get("/recorders/<int:recorder_id>/<any(stop, rotate, archive, delete):what>")
def confirm(recorder_id: int, what: str) -> str:
    """Ask before stopping, before replacing the URL, before archiving and before deleting."""
    question = _question(own_recorder(recorder_id), what)
    return ask(question, url_for("pages.recorder", recorder_id=recorder_id))


@pages.post("/recorders/<int:recorder_id>/<any(stop, rotate, archive, delete):what>")
def confirmed(recorder_id: int, what: str) -> Response:
    """Do what was asked about."""
    found = own_recorder(recorder_id)
    if what == "stop":
        _save(found, replace(found.settings, recording_enabled=False))
        flash("Recording is off. Entries are ignored; exits of open positions still pass.")
        if "also" in request.form:
            _close(found)
    elif what == "archive":
        _archive(found)
    elif what == "rotate":
        with backend().engine.begin() as connection:
            rotate_webhook_token(connection, viewer().id, recorder_id, backend().cipher)
        flash("The URL is a new one. Alerts with the old one are refused from now on.")
    else:
        with backend().engine.begin() as connection:
            delete_recorder(connection, viewer().id, recorder_id)
        flash(f"{found.name} and everything it recorded are deleted.")
        return redirect(url_for("pages.recorders"))
    return redirect(url_for("pages.recorder", recorder_id=recorder_id))


@pages.post("/recorders/<int:recorder_id>/restore")
def restore(recorder_id: int) -> Response:
    """Take the recorder out of the archive."""
    found = own_recorder(recorder_id)
    with backend().engine.begin() as connection:
        restore_recorder(connection, found)
    flash("It is back among your recorders. Start it when it is to record again.")
    return redirect(url_for("pages.recorder", recorder_id=recorder_id))


def _archive(found: Recorder) -> None:
    try:
        archive(backend(), viewer().id, found.id, closes="also" in request.form)
    except StillHolds as holds:
        flash(f"Not archived: {holds}.")
    else:
        flash("It is archived. Its history stays, and its URL goes on answering; entries are ignored.")


def _model() -> RecorderSettings | None:
    """The settings of the recorder that a new one is to be like; None where it is like none."""
    recorder_id = given_id(given_filters("like"), "like")
    return None if recorder_id is None else own_recorder(recorder_id).settings


def _close(found: Recorder) -> None:
    """Close what a stopped recorder holds, if anything."""
    try:
        close_by_hand(backend(), viewer().id, found.id, None)
    except NothingOpen:
        return
    flash(ON_ITS_WAY)


def _parse(values: Mapping[str, object]) -> RecorderSettings:
    """Read settings whose symbol has a contract; raises SettingsRefused."""
    settings = parse_recorder_settings(values)
    if settings.symbol is not None:
        with backend().engine.connect() as connection:
            contracts = contracts_in_force(connection, viewer().id).by_root
        try:
            normalize_symbol(settings.symbol, occurred_at=time.time_ns(), contracts=contracts)
        except UnknownSymbol as unknown:
            raise SettingsRefused({"symbol": str(unknown)}) from unknown
    return settings


def _save(found: Recorder, settings: RecorderSettings) -> None:
    with backend().engine.begin() as connection:
        if not update_recorder(connection, viewer().id, found.id, settings):
            abort(404)


def _form(found: Recorder | None, values: Mapping[str, Any], errors: Mapping[str, str]) -> str:
    return render_template(
        "recorder_form.html",
        recorder=found,
        sections=SECTIONS,
        shown={"tp_targets", *(each.name for each in FIELDS)},
        values=values,
        targets=target_rows(values),
        errors=errors,
    )


def _question(found: Recorder, what: str) -> Question:
    if what == "stop":
        return Question(
            title=f"Stop recording with {found.name}?",
            text="Entries will be ignored until you start it again. Open positions stay open; their exits still pass.",
            button="Stop recording",
            option=ALSO_CLOSE,
        )
    if what == "archive":
        return Question(
            title=f"Archive {found.name}?",
            text="It stops recording and leaves the lists. Its trades stay and count, and you can take it back.",
            button="Archive",
            option=ALSO_CLOSE,
        )
    if what == "rotate":
        return Question(
            title=f"Replace the URL of {found.name}?",
            text="The URL in use stops working at once. Every alert that posts to it must get the new one.",
            button="Replace the URL",
        )
    return Question(
        title=f"Delete {found.name}?",
        text=f"Its {found.signal_count} signals and all trades and positions it recorded are deleted for good.",
        button="Delete for good",
        tone="danger",
    )
