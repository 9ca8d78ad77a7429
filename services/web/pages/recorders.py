"""The list of recorders, and a recorder's own page."""

from collections import defaultdict
from dataclasses import dataclass

from flask import abort, render_template, request

from services.web.alert_messages import alert_messages
from services.web.alert_pace import pace_warnings
from services.web.backend import backend
from services.web.figures import RecorderLine
from services.web.fragments import lines_by_recorder, position_parts, result_parts
from services.web.pages.blueprint import pages
from services.web.pages.lists import PAGE_SIZE
from services.web.pages.settings_summary import summarize_settings
from services.web.pages.viewer import viewer, viewer_zone
from services.web.pages.webhook_address import address_is_local, common_address_parts, webhook_address
from shared.store.alert_arrivals import load_arrivals
from shared.store.pages import PageRefused
from shared.store.recorders import Recorder, count_archived, find_recorder, list_page_of_recorders
from shared.store.reports import open_positions_of
from shared.store.result_days import Scope


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
    """List the recorders, a page at a time, with what they hold and have made."""
    user, held = viewer(), defaultdict(list)
    shows_archived, cursor = "archived" in request.args, request.args.get("cursor")
    with backend().engine.connect() as connection:
        archived = count_archived(connection, user.id)
        try:
            page = list_page_of_recorders(connection, user.id, archived=shows_archived, cursor=cursor, limit=PAGE_SIZE)
        except PageRefused as refusal:
            abort(400, str(refusal))
        listed = page.items
        for row in open_positions_of(connection, [each.id for each in listed]):
            held[row.recorder_id].append(f"{row.side.lower()} {row.total_quantity} {row.ticker}")
    lines = lines_by_recorder(user.id, {each.id: each.name for each in listed})
    rows = [
        ListedRecorder(
            id=each.id,
            name=each.name,
            enabled=each.settings.recording_enabled,
            symbol=each.settings.symbol,
            holds=", ".join(held[each.id]),
            signals=each.signal_count,
            line=line,
        )
        for each, line in zip(listed, lines, strict=True)
    ]
    return render_template(
        "recorders.html",
        recorders=rows,
        archived=archived,
        shows_archived=shows_archived,
        next_cursor=page.next_cursor,
        **(common_address_parts(user, rows[0].name) if rows else {}),
    )


@pages.get("/recorders/<int:recorder_id>")
def recorder(recorder_id: int) -> str:
    """Show a recorder: how it does, its URL and messages, and its settings."""
    user = viewer()
    found = own_recorder(recorder_id)
    results = result_parts(Scope(user_id=user.id, recorder_id=recorder_id), viewer_zone())
    with backend().engine.connect() as connection:
        parts = {**results, **position_parts(connection, user.id, recorder_id)}
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
