"""Runs the web service: one process of many threads under gunicorn, on a socket that is bound beforehand."""

import gc
import logging
import socket
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from services.web import create_app
from shared.logs import log_event
from shared.settings import Settings

# Each open live stream keeps a thread; a thread that waits costs little.
THREADS = 96
GRACEFUL_SECONDS = 3

logger = logging.getLogger(__name__)


class PortTaken(Exception):
    """The port that the service should listen on is not free; the message names it."""


class ServerLog(Logger):  # type: ignore[misc] # gunicorn has no types
    """Sends gunicorn's own messages where all others go."""

    def setup(self, cfg: Any) -> None:
        """Use the handlers of the root logger instead of gunicorn's."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class WebServer(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    """Gunicorn with our settings; the app is made in its worker process, after the fork."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._settings = settings
        self._listener = listener
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        options = {
            "bind": f"fd://{self._listener.fileno()}",
            "worker_class": "gthread",
            "workers": 1,
            "threads": THREADS,
            "graceful_timeout": GRACEFUL_SECONDS,
            "loglevel": "warning",
            "logger_class": ServerLog,
            "control_socket_disable": True,
            "forwarded_allow_ips": "",  # whom to believe is said by TRUST_PROXY
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the app, and take what it is made of for permanent: collecting garbage need not look at it each time."""
        app = create_app(self._settings)
        gc.freeze()
        return app


def bind(settings: Settings) -> socket.socket:
    """Bind the port; raises PortTaken."""
    address = (settings.host, settings.port)
    try:
        return socket.create_server(address, backlog=1024, family=_family(settings.host))
    except OSError as error:
        where = f"port {settings.port} on {settings.host}"
        raise PortTaken(f"Cannot listen on {where}: {error.strerror}. Set PORT to a free one.") from error


def main(settings: Settings) -> None:
    """Serve until told to stop."""
    try:
        listener = bind(settings)
    except PortTaken as error:
        raise SystemExit(str(error)) from error
    log_event(logger, "web_listens", host=settings.host, port=settings.port)
    WebServer(settings, listener).run()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
