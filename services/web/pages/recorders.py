"""The list of recorders, and a recorder's own page."""

from dataclasses import dataclass

from flask import abort, render_template, request

from services.web.alert_messages import alert_messages
from services.web.alert_pace import pace_warnings
from services.web.backend import backend
from services.web.figures import Booked, RecorderLine, recorder_lines
from services.web.fragments import position_parts, result_parts
from services.web.pages.blueprint import pages
from services.web.pages.settings_summary import summarize_settings
from services.web.pages.viewer import viewer, viewer_zone
from services.web.pages.webhook_address import address_is_local, common_address_parts, webhook_address
from shared.store.alert_arrivals import load_arrivals
from shared.store.recorders import Recorder, find_recorder, list_recorders
from shared.store.reports import open_positions
from shared.store.results import booked_results, load_courses


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
        archived = list_recorders(connection, user.id, archived=True)
        listed = archived if "archived" in request.args else list_recorders(connection, user.id, archived=False)
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
    return render_template(
        "recorders.html",
        recorders=rows,
        archived=len(archived),
        shows_archived="archived" in request.args,
        **(common_address_parts(user, rows[0].name) if rows else {}),
    )


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
        arrivals = load_arrivals(connection, [recorder_id])
    return render_template(
        "recorder.html",
        recorder=found,
        settings=found.settings,
        summary=summarize_settings(found.settings),
        messages=alert_messages(),
        webhook_url=webhook_address(found.webhook_token_encrypted),
        url_is_local=address_is_local(),
        warnings=pace_warnings(arrivals[recorder_id]),
        **parts,
    )


def own_recorder(recorder_id: int) -> Recorder:
    """Load one of the viewer's recorders, or answer 404."""
    with backend().engine.connect() as connection:
        found = find_recorder(connection, viewer().id, recorder_id)
    if found is None:
        abort(404)
    return found
