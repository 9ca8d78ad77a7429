"""Errors as programs read them: application/problem+json (RFC 9457)."""

from collections.abc import Mapping

from flask import Flask, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed, ServiceUnavailable

from shared.store.database import DATABASE_LOST

API = "/api/"
DATABASE_AWAY = "The database does not answer. What was recorded is safe; try again in a moment."


def problem(code: int, title: str, detail: str, *, errors: Mapping[str, str] | None = None) -> Response:
    """Describe an error; `errors` maps wrong fields to their reasons."""
    members = {"type": "about:blank", "title": title, "status": code, "detail": detail}
    response = jsonify(members if errors is None else {**members, "errors": dict(errors)})
    response.status_code = code
    response.content_type = "application/problem+json"
    return response


def register_problems(app: Flask) -> None:
    """Answer errors under /api/ as problems; those of pages keep their own form."""
    app.register_error_handler(HTTPException, _answer_http_error)
    for lost in DATABASE_LOST:
        app.register_error_handler(lost, _answer_database_lost)


def _answer_http_error(error: HTTPException) -> ResponseReturnValue:
    if not request.path.startswith(API):
        return _page(error)
    unexpected = isinstance(error, InternalServerError)
    detail = "Something went wrong on our side; it is in the log." if unexpected else str(error.description)
    response = problem(error.code or 500, error.name, detail)
    if error.code == 401:  # noqa: PLR2004 - the one status that must name how to log in
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, ServiceUnavailable) and error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(error.valid_methods)
    return response


def _page(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:  # noqa: PLR2004 - a redirect is no error
        return error
    return render_template("error.html", title=error.name, text=error.description), error.code


def _answer_database_lost(_: Exception) -> ResponseReturnValue:
    return _answer_http_error(ServiceUnavailable(DATABASE_AWAY))
