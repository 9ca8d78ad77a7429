"""The web service as its server calls it (RSGI): alerts have a door of their own, everything else is Flask's."""

import logging

from granian.rsgi import HTTPProtocol, ProtocolClosed, Scope

from services.web.alert_door import ALERTS, AlertDoor
from services.web.flask_door import FlaskDoor
from shared.logs import log_event

logger = logging.getLogger(__name__)


class Doors:
    """Answers every request."""

    def __init__(self, alerts: AlertDoor, pages: FlaskDoor) -> None:
        self._alerts = alerts
        self._pages = pages

    async def __rsgi__(self, scope: Scope, proto: HTTPProtocol) -> None:
        """Answer one request; one that did not come whole is not taken."""
        is_alert = scope.method == "POST" and scope.path.startswith(ALERTS)
        try:
            await (self._alerts if is_alert else self._pages).answer(scope, proto)
        except ProtocolClosed:
            log_event(logger, "client_hung_up", level=logging.WARNING, alert=is_alert)
