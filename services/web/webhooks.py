"""What the URLs for alerts tell somebody who opens them; alerts themselves come to AlertDoor."""

from flask import Blueprint, Response, jsonify

from services.web.backend import backend
from shared.intake.addressees import find_addressee
from shared.store.database import DATABASE_LOST
from shared.tokens import token_hash

webhooks = Blueprint("webhooks", __name__)


@webhooks.get("/webhook/<token>")
def describe_url(token: str) -> tuple[Response, int]:
    """Tell whether the URL works, without changing anything."""
    try:
        with backend().intake_engine.connect() as connection:
            addressee = find_addressee(connection, token_hash(token))
    except DATABASE_LOST:
        return jsonify(success=False, error="the database is away"), 503
    if addressee is None:
        return jsonify(success=False, error="no recorder has this URL"), 404
    return jsonify(success=True, message="This URL works. Post TradingView alerts to it."), 200
