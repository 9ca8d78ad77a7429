"""Puts together what Flask answers: pages, API, live stream and health."""

from datetime import timedelta

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from services.web.api import api
from services.web.api.documentation import documentation
from services.web.auth import SessionCookie, auth, guard_request
from services.web.backend import connect_backend, install_backend
from services.web.health import health
from services.web.live import live
from services.web.pages import pages
from services.web.problems import register_problems
from services.web.prometheus import prometheus
from services.web.security_headers import add_security_headers
from services.web.webhooks import webhooks
from shared.settings import Settings

LARGEST_FORM = 256 * 1024
SESSION_LASTS = timedelta(days=30)


def create_app(settings: Settings) -> Flask:
    """Make the app; it connects to Postgres and Redis when a request first needs them."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="recorder_session",
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=SESSION_LASTS,
        MAX_CONTENT_LENGTH=LARGEST_FORM,
    )
    app.session_interface = SessionCookie()
    install_backend(app, connect_backend(settings))
    if settings.trust_proxy:
        hops = settings.trust_proxy
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.before_request(guard_request)
    app.after_request(add_security_headers)
    register_problems(app)
    for blueprint in (webhooks, health, prometheus, auth, api, documentation, pages, live):
        app.register_blueprint(blueprint)
    return app
