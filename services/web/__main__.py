"""Runs the web service under Granian: one process that serves, and one that starts, watches and stops it."""

import gc
import logging
import multiprocessing
import os
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import Server

from shared.logs import configure_logging, log_event
from shared.settings import Settings

THREADS = 96  # of pages: each open live stream keeps one, and a thread that waits costs little
# Browsers and proxies also keep connections open that ask for nothing.
CONNECTIONS = 1024
# Those beyond are connected by the kernel, if it is allowed to keep so many (net.core.somaxconn): who finds no room
# there tries again only after a second, then after two more, and TradingView gives up.
CONNECTIONS_BEYOND = 4096
GRACEFUL_SECONDS = 3
# A page makes thousands of objects that are in no cycle; looking for some every 700 takes a sixth of its time.
COLLECTED_FROM = 20_000
_TO_THE_ROOT_LOGGER = {"handlers": {}, "loggers": {"_granian": {"propagate": True}}}

logger = logging.getLogger(__name__)


class PortTaken(Exception):
    """The port that the service should listen on is not free; the message names it."""


MakeApp = Callable[[Settings], Any]


def make_web_app(settings: Settings) -> Any:
    """Make the service, loading it now: in the process that serves, for the one that watches it has no need of it."""
    from services.web.alert_door import AlertDoor  # noqa: PLC0415
    from services.web.app import LARGEST_FORM, create_app  # noqa: PLC0415
    from services.web.backend import backend_of  # noqa: PLC0415
    from services.web.doors import Doors  # noqa: PLC0415
    from services.web.flask_door import FlaskDoor  # noqa: PLC0415

    app = create_app(settings)
    return Doors(AlertDoor(backend_of(app)), FlaskDoor(app, threads=THREADS, largest_body=LARGEST_FORM))


def main(settings: Settings, make_app: MakeApp = make_web_app, interface: Interfaces = Interfaces.RSGI) -> None:
    """Serve until told to stop."""
    try:
        check_port(settings)
    except PortTaken as error:
        raise SystemExit(str(error)) from error
    log_event(logger, "web_listens", host=settings.host, port=settings.port)
    server = Server(
        "services.web",
        address=settings.host,
        port=settings.port,
        interface=interface,
        http=HTTPModes.http1,
        websockets=False,
        blocking_threads=THREADS if interface is Interfaces.WSGI else 1,
        backpressure=CONNECTIONS,
        backlog=CONNECTIONS_BEYOND,
        workers_kill_timeout=GRACEFUL_SECONDS,
        log_level=LogLevels.error,
        log_dictconfig=_TO_THE_ROOT_LOGGER,
    )
    gc.freeze()  # what both processes have is left alone by either's collections, and so stays shared
    server.serve(target_loader=partial(load_app, settings, make_app), wrap_loader=False)


def check_port(settings: Settings) -> None:
    """Bind the port and let it go again, since Granian would share it with another one; raises PortTaken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        where = f"port {settings.port} on {settings.host}"
        raise PortTaken(f"Cannot listen on {where}: {error.strerror}. Set PORT to a free one.") from error


def load_app(settings: Settings, make_app: MakeApp) -> Any:
    """Make the app in the process that serves it.

    What it is made of is taken for permanent: collecting garbage need not look at it each time.
    """
    configure_logging(settings.log_level)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    app = make_app(settings)
    gc.freeze()
    gc.set_threshold(COLLECTED_FROM)
    return app


def _end_with_parent() -> None:
    """End at once when the parent was killed: the port is for the service that is started in its place."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
