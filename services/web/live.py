"""The live stream of the pages: fragments and cells that changed, formatted here as the pages are."""

from flask import Blueprint, Response

from services.web.event_stream import stream
from services.web.live_pages import LivePages
from services.web.pages.viewer import viewer, viewer_zone

live = Blueprint("live", __name__)


@live.get("/live")
def live_pages() -> Response:
    """Stream what changes on one user's pages."""
    return stream(LivePages(viewer().id, viewer_zone()))
