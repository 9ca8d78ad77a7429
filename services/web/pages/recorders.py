"""The list of recorders, and a recorder's own page."""

from dataclasses import dataclass
from ipaddress import ip_address

from flask import abort, render_template, request, url_for

from services.web.alert_messages import alert_messages
from services.web.backend import backend
from services.web.figures import Booked, RecorderLine, recorder_lines
from services.web.fragments import position_parts, result_parts
from services.web.pages.blueprint import pages
from services.web.pages.settings_summary import summarize_settings
from services.web.pages.viewer import viewer, viewer_zone
from shared.store.recorders import Recorder, find_recorder, list_recorders
from shared.store.reports import open_positions
from shared.store.results import booked_results, load_courses
from shared.tokens import TokenUnreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRecorder:
    """A recorder in the list."""

    id: int
    name: str
    enabled: bool
    symbol: str | None
    holds: str
    signals: int
    line: RecorderLine


@pages.get("/recorders")
def recorders() -> str:
    """List the recorders with what they hold and have made."""
    user = viewer()
    with backend().engine.connect() as connection:
        listed = list_recorders(connection, user.id)
        booked = Booked(results=booked_results(connection, user.id), courses=load_courses(connection, user.id))
        held: dict[int, list[str]] = {}
        for row in open_positions(connection, user.id):
            held.setdefault(row.recorder_id, []).append(f"{row.side.lower()} {row.total_quantity} {row.ticker}")
    lines = recorder_lines(booked, {each.id: each.name for each in listed})
    rows = [
        ListedRecorder(
            id=each.id,
            name=each.name,
            enabled=each.settings.recording_enabled,
            symbol=each.settings.symbol,
            holds=", ".join(held.get(each.id, [])),
            signals=each.signal_count,
            line=line,
        )
        for each, line in zip(listed, lines, strict=True)
    ]
    return render_template("recorders.html", recorders=rows)


@pages.get("/recorders/<int:recorder_id>")
def recorder(recorder_id: int) -> str:
    """Show a recorder: how it does, its URL and messages, and its settings."""
    user = viewer()
    found = own_recorder(recorder_id)
    with backend().engine.connect() as connection:
        parts = {
            **result_parts(connection, user.id, viewer_zone(), recorder_id),
            **position_parts(connection, user.id, recorder_id),
        }
    return render_template(
        "recorder.html",
        recorder=found,
        settings=found.settings,
        summary=summarize_settings(found.settings),
        messages=alert_messages(),
        webhook_url=_webhook_url(found),
        url_is_local=_is_local(request.host),
        **parts,
    )


def own_recorder(recorder_id: int) -> Recorder:
    """Load one of the viewer's recorders, or answer 404."""
    with backend().engine.connect() as connection:
        found = find_recorder(connection, viewer().id, recorder_id)
    if found is None:
        abort(404)
    return found


def _webhook_url(recorder: Recorder) -> str | None:
    """The address to paste; None where the stored token cannot be read any more."""
    try:
        token = backend().cipher.decrypt(recorder.webhook_token_encrypted)
    except TokenUnreadable:
        return None
    return url_for("webhooks.receive_alert", token=token, _external=True)


def _is_local(host: str) -> bool:
    """Whether TradingView could not reach this host: a name or an address of this machine or network."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    try:
        return not ip_address(name.strip("[]")).is_global
    except ValueError:
        return name == "localhost" or "." not in name
