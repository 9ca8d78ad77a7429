"""Recorders: made, changed, started and stopped by their users' programs."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from flask import Response, abort, jsonify, request, url_for

from services.web.alert_pace import pace_warnings
from services.web.api.blueprint import api, found, read_object, transaction, user_id
from services.web.api.encoding import encode
from services.web.api.query import refuse_unknown
from services.web.archiving import StillHolds, archive
from services.web.backend import backend
from services.web.manual_signals import NothingOpen, close_by_hand
from shared.domain.recorder_settings import parse_recorder_settings, settings_as_json
from shared.domain.symbols import UnknownSymbol
from shared.store.alert_arrivals import load_arrivals
from shared.store.archive import restore_recorder
from shared.store.database import Connection
from shared.store.recorders import (
    Recorder,
    create_recorder,
    delete_recorder,
    find_recorder,
    list_recorders,
    rotate_webhook_token,
    update_recorder,
)


@api.get("/recorders")
def all_recorders() -> Response:
    """List all recorders by name; a user has few enough for one page. With `archived=true` those that are archived."""
    refuse_unknown("archived")
    chosen = request.args.get("archived", "false")
    if chosen not in ("true", "false"):
        abort(400, f"archived: {chosen!r} is neither true nor false")
    with transaction() as connection:
        listed = list_recorders(connection, user_id(), archived=chosen == "true")
        return jsonify(items=_all_described(connection, listed), next_cursor=None)


@api.post("/recorders")
def make_recorder() -> tuple[Response, int, dict[str, str]]:
    """Make a recorder from its settings."""
    settings = parse_recorder_settings(read_object())
    with transaction() as connection:
        made, _ = create_recorder(connection, user_id(), settings, backend().cipher)
    return jsonify(_described(made, ())), 201, {"Location": url_for("api.one_recorder", recorder_id=made.id)}


@api.get("/recorders/<int:recorder_id>")
def one_recorder(recorder_id: int) -> Response:
    """Show a recorder with its settings."""
    with transaction() as connection:
        return jsonify(*_all_described(connection, [_found(connection, recorder_id)]))


@api.put("/recorders/<int:recorder_id>")
def replace_settings(recorder_id: int) -> Response:
    """Replace all settings; those that are not given return to their defaults."""
    return _changed(recorder_id, read_object(), keep_others=False)


@api.patch("/recorders/<int:recorder_id>")
def change_settings(recorder_id: int) -> Response:
    """Change the settings that are given; null returns one to its default."""
    return _changed(recorder_id, read_object(), keep_others=True)


@api.post("/recorders/<int:recorder_id>/start")
def start_recorder(recorder_id: int) -> Response:
    """Record entries from now on."""
    return _changed(recorder_id, {"recording_enabled": True}, keep_others=True)


@api.post("/recorders/<int:recorder_id>/stop")
def stop_recorder(recorder_id: int) -> Response:
    """Ignore entries from now on; what is open goes on to its exit, unless `close_positions` is true.

    Closing is a signal that comes after: it is applied a moment later at the last tick's price.
    """
    closes = _closes_positions()
    stopped = _changed(recorder_id, {"recording_enabled": False}, keep_others=True)
    if closes:
        with suppress(NothingOpen):
            close_by_hand(backend(), user_id(), recorder_id, None)
    return stopped


@api.post("/recorders/<int:recorder_id>/archive")
def archive_one_recorder(recorder_id: int) -> Response:
    """Stop a recorder and take it out of the lists; its history stays, and its URL answers as a stopped one's does.

    409 while something is open, unless `close_positions` is true: closing is a signal, applied a moment later.
    """
    try:
        found(archive(backend(), user_id(), recorder_id, closes=_closes_positions()) or None)
    except StillHolds as holds:
        abort(409, f"{holds}.")
    return one_recorder(recorder_id)


@api.post("/recorders/<int:recorder_id>/restore")
def restore_one_recorder(recorder_id: int) -> Response:
    """Take an archived recorder back into the lists; it stays stopped until it is started."""
    with transaction() as connection:
        restore_recorder(connection, _found(connection, recorder_id))
    return one_recorder(recorder_id)


@api.post("/recorders/<int:recorder_id>/clone")
def clone_recorder(recorder_id: int) -> tuple[Response, int, dict[str, str]]:
    """Make a recorder with the same settings, a URL of its own and no history; `name` is what to call it."""
    changes = read_object()
    if set(changes) != {"name"}:
        abort(422, "name: is the one field there is, and needed")
    with transaction() as connection:
        settings = settings_as_json(_found(connection, recorder_id).settings)
        made, _ = create_recorder(connection, user_id(), parse_recorder_settings(settings | changes), backend().cipher)
    return jsonify(_described(made, ())), 201, {"Location": url_for("api.one_recorder", recorder_id=made.id)}


@api.post("/recorders/<int:recorder_id>/close")
def close_positions(recorder_id: int) -> tuple[Response, int, dict[str, str]]:
    """Close by hand what the recorder holds of one symbol, or without a body all that it holds.

    It is a signal like an alert: stored, and applied a moment later at the last tick's price. 409 where nothing is
    open.
    """
    try:
        signal_id = found(close_by_hand(backend(), user_id(), recorder_id, _symbol_to_close()))
    except UnknownSymbol as unknown:
        abort(422, f"ticker: {unknown}")
    except NothingOpen as nothing:
        abort(409, str(nothing))
    location = {"Location": url_for("api.signal", signal_id=signal_id)}
    return jsonify(signal_id=signal_id, status="accepted"), 202, location


@api.post("/recorders/<int:recorder_id>/rotate-token")
def rotate_token(recorder_id: int) -> Response:
    """Give the recorder a new webhook URL; the old one stops working at once."""
    with transaction() as connection:
        found(rotate_webhook_token(connection, user_id(), recorder_id, backend().cipher))
        return jsonify(*_all_described(connection, [_found(connection, recorder_id)]))


@api.delete("/recorders/<int:recorder_id>")
def remove_recorder(recorder_id: int) -> tuple[str, int]:
    """Delete a recorder with everything it recorded."""
    with transaction() as connection:
        found(delete_recorder(connection, user_id(), recorder_id) or None)
    return "", 204


def _closes_positions() -> bool:
    given = read_object() if request.get_data() else {}
    closes = given.pop("close_positions", False)
    if given or not isinstance(closes, bool):
        abort(422, "close_positions: is the one field there is, true or false")
    return closes


def _symbol_to_close() -> str | None:
    if not request.get_data():
        return None
    given = read_object()
    ticker = given.pop("ticker", None)
    if given:
        abort(422, f"{min(given)}: is not ticker, the one field there is")
    if ticker is not None and not isinstance(ticker, str):
        abort(422, "ticker: is not a symbol in quotation marks")
    return ticker


def _changed(recorder_id: int, changes: dict[str, Any], *, keep_others: bool) -> Response:
    with transaction() as connection:
        current = _found(connection, recorder_id)
        kept = settings_as_json(current.settings) if keep_others else {}
        found(update_recorder(connection, user_id(), recorder_id, parse_recorder_settings(kept | changes)) or None)
        return jsonify(*_all_described(connection, [_found(connection, recorder_id)]))


def _found(connection: Connection, recorder_id: int) -> Recorder:
    return found(find_recorder(connection, user_id(), recorder_id))


def _all_described(connection: Connection, recorders: Sequence[Recorder]) -> list[dict[str, object]]:
    arrivals = load_arrivals(connection, [each.id for each in recorders])
    return [_described(each, arrivals[each.id]) for each in recorders]


def _described(recorder: Recorder, arrivals: Sequence[datetime]) -> dict[str, object]:
    token = backend().cipher.decrypt(recorder.webhook_token_encrypted)
    return {
        "id": recorder.id,
        **settings_as_json(recorder.settings),
        "webhook_url": url_for("webhooks.describe_url", token=token, _external=True),
        "signal_count": recorder.signal_count,
        "error": recorder.error,
        "archived_at": encode(recorder.archived_at),
        "warnings": pace_warnings(arrivals),
        "created_at": encode(recorder.created_at),
        "updated_at": encode(recorder.updated_at),
    }
