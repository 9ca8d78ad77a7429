"""Brings alerts that Flask's test client posts to the door for alerts, on an event loop, as the server does."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, cast

from flask import Flask
from granian.rsgi import HTTPProtocol, Scope
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request

from services.web.alert_door import ALERTS, AlertDoor
from services.web.app import create_app
from services.web.backend import backend_of
from shared.settings import Settings
from tests.server_requests import Head, Proto

PATIENCE_SECONDS = 30


def create_web(settings: Settings) -> Flask:
    """Make the app whose test client may also post alerts."""
    app = create_app(settings)
    app.wsgi_app = _WithAlerts(app)  # type: ignore[method-assign]
    return app


class _WithAlerts:
    def __init__(self, app: Flask) -> None:
        self._pages = app.wsgi_app
        self._door = AlertDoor(backend_of(app))
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        if request.method != "POST" or not request.path.startswith(ALERTS):
            return self._pages(environ, start_response)
        headers = Headers([(name.lower(), value) for name, value in request.headers])
        head = Head(method="POST", path=request.path, headers=headers, client=f"{request.remote_addr}:1")
        proto = Proto(request.get_data())
        answering = self._door.answer(cast("Scope", head), cast("HTTPProtocol", proto))
        asyncio.run_coroutine_threadsafe(answering, self._loop).result(PATIENCE_SECONDS)
        assert proto.answer is not None
        status, answered, body = proto.answer
        start_response(f"{status} {HTTPStatus(status).phrase}", answered)
        return [body]
