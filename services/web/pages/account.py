"""A user's own page: the URL that serves all of their recorders, the key of their programs, their password."""

from flask import abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from services.web.auth import begin_session
from services.web.backend import backend
from services.web.pages.blueprint import pages
from services.web.pages.question import Question, ask
from services.web.pages.viewer import viewer
from services.web.pages.webhook_address import common_address_parts
from shared.store.users import change_password, find_user, rotate_api_key, verify_password

LEAST_CHARACTERS = 10
NEW_KEY = Question(
    title="Make a new API key?",
    text="The key in use, if there is one, stops working at once. Every program that sends it must get the new one.",
    button="Make a new key",
)

Answer = str | Response | tuple[str, int]


@pages.get("/account")
def account() -> str:
    """Show the page."""
    return _page()


@pages.get("/account/api-key")
def ask_for_api_key() -> str:
    """Ask before the key in use is replaced."""
    return ask(NEW_KEY, url_for("pages.account"))


@pages.post("/account/api-key")
def make_api_key() -> str:
    """Replace the API key, and show the new one in this answer alone."""
    with backend().engine.begin() as connection:
        api_key = rotate_api_key(connection, viewer().id)
    return _page(api_key=api_key)


@pages.post("/account/password")
def replace_password() -> Answer:
    """Replace the password; every other session ends, this one goes on."""
    if not backend().log_in_limit.allows(request.remote_addr):
        abort(429, f"Too many attempts. Wait {backend().log_in_limit.retry_after_seconds()} seconds, then try again.")
    current, new = request.form.get("current", ""), request.form.get("new", "")
    with backend().engine.begin() as connection:
        user = verify_password(connection, viewer().name, current)
        if user is None:
            return _page(errors={"current": "This is not your password."}), 403
        if len(new) < LEAST_CHARACTERS:
            return _page(errors={"new": f"It takes at least {LEAST_CHARACTERS} characters."}), 422
        change_password(connection, user.id, new)
        g.user = find_user(connection, user.id)
    begin_session(viewer())
    flash("Your password is a new one. You are signed out everywhere else.")
    return redirect(url_for("pages.account"))


def _page(*, api_key: str = "", errors: dict[str, str] | None = None) -> str:
    return render_template(
        "account.html",
        **common_address_parts(viewer()),
        api_key=api_key,
        errors=errors or {},
        least=LEAST_CHARACTERS,
    )
