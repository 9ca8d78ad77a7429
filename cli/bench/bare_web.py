"""What intake is measured against: `python -m cli.bench.bare_web nothing|inserting`, a Flask app of one view.

It runs on the WSGI server of the web service, set up in the same way.
"""

import os
import sys
from functools import partial

from flask import Flask, Response, jsonify, request
from granian.constants import Interfaces
from sqlalchemy import text

from services.web.__main__ import main
from shared.settings import Settings, load_settings
from shared.store.database import connect_database

CONNECTIONS = 12
_INSERT = text("INSERT INTO bare_alerts (body) VALUES (:body) RETURNING id")


def bare_app(view: str, settings: Settings) -> Flask:
    """Make an app that answers every POST, having done `nothing` or after `inserting` and committing a row."""
    app = Flask(__name__)
    engine = connect_database(settings.database_url, application="bare", pool_size=CONNECTIONS, ping=False)

    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify(ok=True)

    @app.post("/webhook/<token>")
    def take(token: str) -> Response:
        if view == "nothing":
            return jsonify(success=True, token=len(token))
        with engine.begin() as connection:
            number = connection.execute(_INSERT, {"body": request.get_data()}).scalar_one()
        return jsonify(success=True, signal_id=number)

    return app


if __name__ == "__main__":
    main(load_settings(os.environ), partial(bare_app, sys.argv[1]), Interfaces.WSGI)
