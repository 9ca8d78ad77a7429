"""The blueprint of the API, and what its resources share; no resource of its own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeVar

from flask import Blueprint, abort, g, request
from flask.typing import ResponseReturnValue

from services.web.backend import backend
from services.web.problems import problem
from shared.domain.recorder_settings import SettingsRefused
from shared.store.database import Connection
from shared.store.pages import PageRefused
from shared.store.recorders import RecorderNameTaken

Thing = TypeVar("Thing")

api = Blueprint("api", __name__, url_prefix="/api/v1")


def user_id() -> int:
    """The user whom the request acts for."""
    found: int = g.user.id
    return found


@contextmanager
def transaction() -> Iterator[Connection]:
    """Lend a connection whose work is committed when the block ends without an error."""
    with backend().engine.begin() as connection:
        yield connection


def found(thing: Thing | None) -> Thing:
    """Return what was found; what is not there, or is somebody else's, is 404 either way."""
    if thing is None:
        abort(404, "There is nothing here that belongs to you.")
    return thing


def read_object() -> dict[str, Any]:
    """Read the body as a JSON object, its numbers exactly."""
    try:
        read = json.loads(request.get_data(), parse_float=Decimal)
    except ValueError as error:
        abort(400, f"The body is not JSON: {error}.")
    if not isinstance(read, dict):
        abort(400, "The body is not a JSON object.")
    return read


@api.errorhandler(SettingsRefused)
def _settings_refused(error: SettingsRefused) -> ResponseReturnValue:
    return problem(422, "Unprocessable Content", "Some fields are wrong.", errors=error.errors)


@api.errorhandler(RecorderNameTaken)
def _name_taken(error: RecorderNameTaken) -> ResponseReturnValue:
    return problem(409, "Conflict", f"name: {error}")


@api.errorhandler(PageRefused)
def _page_refused(error: PageRefused) -> ResponseReturnValue:
    return problem(400, "Bad Request", str(error))
