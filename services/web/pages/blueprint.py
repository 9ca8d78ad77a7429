"""The blueprint of the pages, and what every page's template can use; no page of its own."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Blueprint, current_app, request, url_for

from services.web.feed_state import feed_cell
from services.web.formatting import cell_element, explained_element, filters, format_between
from services.web.pages.appearance_cookie import read_appearance
from services.web.pages.viewer import viewer_if_any, viewer_zone
from shared.domain.trading_day import trading_day

STATIC_KEPT_SECONDS = 365 * 86400  # their addresses change with their contents

pages = Blueprint("pages", __name__)


@pages.record_once
def _register(state: Any) -> None:
    state.app.config["SEND_FILE_MAX_AGE_DEFAULT"] = STATIC_KEPT_SECONDS
    state.app.jinja_env.filters.update(filters())
    state.app.context_processor(_for_every_template)
    state.app.jinja_env.globals.update(
        asset=_asset, between=format_between, cell=cell_element, explained=explained_element
    )


def _for_every_template() -> Mapping[str, Any]:
    user = viewer_if_any()
    endpoint = (request.endpoint or "").removeprefix("pages.")
    return {
        "appearance": read_appearance(request.cookies),
        "section": SECTIONS.get(endpoint, endpoint),
        "user_name": user.name if user else "",
        "zone": viewer_zone(),
        "zone_name": user.timezone if user else "",
        "today": trading_day(datetime.now(UTC)).isoformat(),
        "feed": feed_cell(),
    }


# Pages that belong under another one's entry in the navigation.
SECTIONS = {
    "position": "positions",
    "trade": "trades",
    "ask_to_void": "trades",
    "prints": "trades",
    "ask_to_void_signal": "signals",
    "signal": "signals",
    "recorder": "recorders",
    "new_recorder": "recorders",
    "edit_recorder": "recorders",
    "confirm": "recorders",
    "ask_to_close": "positions",
    "ask_to_resend": "signals",
    "ask_to_close_all": "recorders",
    "trial": "recorders",
    "comparison": "recorders",
    "compared": "recorders",
    "tried": "recorders",
}
_versions: dict[str, str] = {}


def _asset(name: str) -> str:
    """The address of a static file, with a version in it so that it can be kept for long."""
    if name not in _versions:
        folder = Path(str(current_app.static_folder))
        _versions[name] = sha256((folder / name).read_bytes()).hexdigest()[:12]
    return url_for("static", filename=name, v=_versions[name])
