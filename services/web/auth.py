"""Who sends a request: a log-in session in browsers, an API key in programs; everything else is turned away.

Forms carry no tokens against cross-site requests. Browsers say themselves where a request comes from (Sec-Fetch-Site,
Origin), and whatever changes something is refused when it comes from elsewhere. A client that says neither is not a
browser and has no session that could be abused; the cookie's SameSite=Lax is the second wall.
"""

from hashlib import sha256
from secrets import compare_digest
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Request, abort, g, redirect, render_template, request, session, url_for
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from services.web.backend import backend
from shared.store.users import User, find_user, find_user_by_api_key_hash, verify_password
from shared.tokens import token_hash

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_BLUEPRINTS = frozenset({"webhooks", "health", "prometheus"})
OPEN_ENDPOINTS = frozenset({"static", "auth.log_in", "pages.appearance", "documentation.openapi", "documentation.docs"})
API = "/api/"

auth = Blueprint("auth", __name__)


class SessionCookie(SecureCookieSessionInterface):
    """A session cookie that is marked secure wherever the site is reached over HTTPS."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Read the session; a request without the cookie, such as an alert, costs nothing."""
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 - Flask's signature
        """Tell whether this request came over HTTPS; behind a proxy TRUST_PROXY has to be set."""
        return request.is_secure


def guard_request() -> ResponseReturnValue | None:
    """Let a request through or turn it away; runs before every one, so that no page is open by oversight."""
    if request.blueprint in OPEN_BLUEPRINTS:
        return None
    by_key = _user_by_api_key()
    if by_key is None and request.method not in SAFE_METHODS and not _from_this_site():
        abort(403, "This request came from another site.")
    g.user = by_key or _user_of_session()
    if g.user is not None or request.endpoint in OPEN_ENDPOINTS:
        return None
    if request.path.startswith(API):
        abort(401, "Log in, or send your API key as `Authorization: Bearer <key>`.")
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("auth.log_in", next=wanted))


@auth.route("/login", methods=["GET", "POST"])
def log_in() -> ResponseReturnValue:
    """Show the form, or begin a session and go where the user wanted to."""
    if request.method == "GET":
        return redirect(_wanted_page()) if g.user else _form()
    address = request.remote_addr
    limit = backend().log_in_limit
    if not limit.allows(address):
        wait = limit.retry_after_seconds()
        return _form(f"Too many attempts. Wait {wait} seconds, then try again.", 429)
    with backend().engine.connect() as connection:
        name, password = request.form.get("name", ""), request.form.get("password", "")
        user = verify_password(connection, name, password) if name.isprintable() else None
    if user is None:
        return _form("Name or password is wrong.", 403)
    begin_session(user)
    return redirect(_wanted_page())


def begin_session(user: User) -> None:
    """Sign the user in from this browser until they sign out or their password changes."""
    session.clear()
    session.permanent = True
    session["user"], session["stamp"] = user.id, _stamp(user)


@auth.post("/logout")
def log_out() -> Response:
    """End the session."""
    session.clear()
    return redirect(url_for("auth.log_in"))


def _form(error: str = "", code: int = 200) -> ResponseReturnValue:
    name = request.form.get("name", "")
    return render_template("login.html", error=error, name=name, wanted=request.values.get("next", "")), code


def _wanted_page() -> str:
    """Return the page that the user came for, if it is one of this site."""
    wanted = request.values.get("next", "")
    parts = urlsplit(wanted.replace("\\", "/"))
    is_here = not parts.scheme and not parts.netloc and parts.path.startswith("/") and not parts.path.startswith("//")
    return wanted if is_here and wanted.isprintable() else "/"


def _user_by_api_key() -> User | None:
    """Return the owner of the API key, None if none was sent; a wrong one is not taken for none."""
    if request.authorization is None or request.authorization.type != "bearer":
        return None
    with backend().engine.connect() as connection:
        user = find_user_by_api_key_hash(connection, token_hash(request.authorization.token or ""))
    if user is None:
        abort(401, "There is no such API key.")
    return user


def _user_of_session() -> User | None:
    user_id = session.get("user")
    if user_id is None:
        return None
    with backend().engine.connect() as connection:
        user = find_user(connection, user_id)
    return user if user and compare_digest(session.get("stamp", ""), _stamp(user)) else None


def _stamp(user: User) -> str:
    """Tell one password of a user from the next, so that a new one ends all sessions."""
    return sha256(user.password_hash.encode()).hexdigest()[:16]


def _from_this_site() -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host
