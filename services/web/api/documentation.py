"""The API's own description, drawn from its routes so that it cannot fall behind them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from inspect import cleandoc
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, render_template
from werkzeug.routing import Rule

from services.web.api.query import MOST_ROWS, ROWS
from services.web.trials import READERS
from shared.domain.contracts import COLUMNS
from shared.domain.recorder_settings import RecorderSettings, settings_as_json
from shared.store.position_list import POSITION_ORDER, PositionFilter
from shared.store.signal_list import SIGNAL_ORDER, SignalFilter
from shared.store.trade_list import TRADE_ORDER, TradeFilter

documentation = Blueprint("documentation", __name__, url_prefix="/api")

Schema = Mapping[str, object]

LISTS = {
    "signals": (SignalFilter, SIGNAL_ORDER),
    "trades": (TradeFilter, TRADE_ORDER),
    "trades_csv": (TradeFilter, TRADE_ORDER),
    "positions": (PositionFilter, POSITION_ORDER),
}
BODIES = {
    "make_recorder": "RecorderSettings",
    "replace_settings": "RecorderSettings",
    "change_settings": "RecorderSettings",
    "make_contract": "Contract",
    "close_positions": "Closing",
    "rehearse_alert": "Trial",
    "stop_recorder": "Stopping",
    "clone_recorder": "Cloning",
    "archive_one_recorder": "Stopping",
    "void_one_tick": "Tick",
}
OPTIONAL_BODIES = ("close_positions", "stop_recorder", "archive_one_recorder")
OTHER_THAN_JSON = {"trades_csv": "text/csv", "live_positions": "text/event-stream"}
OF_ONE_RECORDER = ("metrics", "equity")
PATH_PARAMETER = re.compile(r"<int:(\w+)>")


@documentation.get("/v1/openapi.json")
def openapi() -> Response:
    """Describe the API in OpenAPI 3.1."""
    return jsonify(_description())


@documentation.get("/docs")
def docs() -> str:
    """Describe the API for people, without scripts."""
    return render_template("api_docs.html", description=_description())


def _description() -> dict[str, Any]:
    paths: dict[str, dict[str, object]] = {}
    for rule, method in _routes():
        path = PATH_PARAMETER.sub(r"{\1}", rule.rule)
        paths.setdefault(path, {})[method.lower()] = _operation(rule)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Trade recorder",
            "version": "1",
            "description": "Prices and money are decimal strings, times ISO-8601 in UTC."
            " Lists go on from `next_cursor`; errors are application/problem+json.",
        },
        "security": [{"api_key": []}, {"session": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {
                "api_key": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": current_app.config["SESSION_COOKIE_NAME"]},
            },
            "schemas": {
                "RecorderSettings": _settings_schema(),
                "Contract": _contract_schema(),
                "Closing": _closing_schema(),
                "Trial": _trial_schema(),
                "Stopping": _object_schema(close_positions="boolean"),
                "Cloning": _object_schema("name", name="string"),
                "Tick": _object_schema("symbol", symbol="string", id="string", time="string", price="string"),
            },
        },
    }


def _routes() -> Iterator[tuple[Rule, str]]:
    for rule in current_app.url_map.iter_rules():
        if rule.endpoint.startswith("api."):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule, method


def _operation(rule: Rule) -> Schema:
    name = rule.endpoint.removeprefix("api.")
    summary, _, description = (current_app.view_functions[rule.endpoint].__doc__ or "").strip().partition("\n")
    operation: dict[str, object] = {
        "operationId": name,
        "summary": summary,
        "description": cleandoc(description),
        "parameters": [*_path_parameters(rule), *_query_parameters(name)],
        "responses": {"2XX": _answer(name), "default": {"description": "A problem, as RFC 9457 has it."}},
    }
    if name in BODIES:
        schema = {"$ref": f"#/components/schemas/{BODIES[name]}"}
        operation["requestBody"] = {
            "required": name not in OPTIONAL_BODIES,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _answer(name: str) -> Schema:
    return {"description": "Done.", "content": {OTHER_THAN_JSON.get(name, "application/json"): {}}}


def _path_parameters(rule: Rule) -> Iterator[Schema]:
    for name in PATH_PARAMETER.findall(rule.rule):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "integer"}}


def _query_parameters(name: str) -> Iterator[Schema]:
    if name == "all_recorders":
        yield _in_query("archived", {"type": "boolean", "default": False})
    if name in OF_ONE_RECORDER:
        yield _in_query("recorder_id", {"type": "integer"})
    if name == "equity":
        yield _in_query("by", {"enum": ["closing", "day"], "default": "closing"})
        yield _in_query("cursor", {"type": "string"})
    if name not in LISTS:
        return
    filters, order = LISTS[name]
    for each in fields(filters):
        yield _in_query(each.name, {"type": "integer" if each.name.endswith("_id") else "string"})
    yield _in_query("sort", {"enum": [sign + column for column in order.columns for sign in ("", "-")]})
    yield _in_query("cursor", {"type": "string"})
    yield _in_query("limit", {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": ROWS})


def _in_query(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "schema": schema}


def _settings_schema() -> Schema:
    defaults = settings_as_json(RecorderSettings(name=""))
    required = [each.name for each in fields(RecorderSettings) if each.default is MISSING]
    properties = {name: {} if name in required else {"default": value} for name, value in defaults.items()}
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}


def _contract_schema() -> Schema:
    properties = {name: {"type": "string"} for name in COLUMNS}
    return {"type": "object", "required": list(COLUMNS), "properties": properties, "additionalProperties": False}


def _closing_schema() -> Schema:
    ticker = {"type": "string", "description": "The symbol to close, in any notation; all that is held without it."}
    return {"type": "object", "properties": {"ticker": ticker}, "additionalProperties": False}


def _trial_schema() -> Schema:
    properties: dict[str, object] = {name: {} for name in READERS}
    properties["body"] = {"type": ["string", "object"], "description": "What the alert would send."}
    return {"type": "object", "required": ["body"], "properties": properties, "additionalProperties": False}


def _object_schema(*required: str, **types: str) -> Schema:
    properties = {name: {"type": name_of_type} for name, name_of_type in types.items()}
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}
