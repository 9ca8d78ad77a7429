"""Switches theme and colours by a plain form."""

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from services.web.pages.appearance_cookie import COOKIE, KEPT_SECONDS, choose, read_appearance
from services.web.pages.blueprint import pages


@pages.post("/appearance")
def appearance() -> Response:
    """Keep the choice in the browser and go back to where it was made."""
    chosen = choose(read_appearance(request.cookies), request.form.get("theme"), request.form.get("colours"))
    response = redirect(_own_path(request.form.get("next", "")))
    response.set_cookie(
        COOKIE, chosen.as_cookie(), max_age=KEPT_SECONDS, samesite="Lax", httponly=True, secure=request.is_secure
    )
    return response


def _own_path(path: str) -> str:
    """Take only a path of this site: two slashes, of either kind, would lead to another one."""
    leads_away = not path.startswith("/") or path.startswith(("//", "/\\")) or not path.isprintable()
    return url_for("pages.dashboard") if leads_away else path.removesuffix("?")
