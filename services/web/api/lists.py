"""Signals, trades and positions as programs read them, and send signals again."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any

from flask import Response, abort, jsonify, stream_with_context, url_for

from services.web.api.blueprint import api, found, transaction, user_id
from services.web.api.encoding import encode_fields
from services.web.api.query import MOST_ROWS, ListQuery, read_list_query
from services.web.backend import backend
from services.web.manual_signals import NotRejected, send_again
from services.web.problems import problem
from services.web.standing import Seen
from services.web.standing_exits import exit_fields, standing_exits
from shared.intake.acceptance import ACCEPTED
from shared.store.database import Engine
from shared.store.pages import Page
from shared.store.position_list import PositionFilter, find_position, list_positions
from shared.store.signal_list import SignalFilter, list_signals, load_signal
from shared.store.trade_list import TradeFilter, TradeRow, list_trades, load_trade


@api.get("/signals")
def signals() -> Response:
    """List signals, the newest first."""
    query = read_list_query(SignalFilter, "-received")
    with transaction() as connection:
        return _page(list_signals(connection, user_id(), query.wanted, **query.paging), _row_fields)


@api.get("/signals/<int:signal_id>")
def signal(signal_id: int) -> Response:
    """Show one signal with the body as it was sent."""
    with transaction() as connection:
        row = _row_fields(found(load_signal(connection, user_id(), signal_id)))
    body: bytes = row.pop("raw_data")
    return jsonify(encode_fields(row) | {"raw_data": body.decode(errors="backslashreplace")})


@api.post("/signals/<int:signal_id>/resend")
def resend_signal(signal_id: int) -> tuple[Response, int, dict[str, str]]:
    """Send a rejected signal again: its body becomes a new alert, received now, under the settings in force now.

    422 where it is no signal this time either; it is stored as a rejected one. 409 where it was not rejected.
    """
    try:
        stored = found(send_again(backend(), user_id(), signal_id))
    except NotRejected as refused:
        abort(409, str(refused))
    location = {"Location": url_for("api.signal", signal_id=stored.id)}
    if stored.status != ACCEPTED:
        return problem(422, "Unprocessable Content", stored.reason or "not a signal"), 422, location
    return jsonify(signal_id=stored.id, status=stored.status), 202, location


@api.get("/positions")
def positions() -> Response:
    """List positions, the newest first."""
    query = read_list_query(PositionFilter, "-opened")
    with transaction() as connection:
        return _page(list_positions(connection, user_id(), query.wanted, **query.paging), _position_fields)


@api.get("/positions/<int:position_id>")
def position(position_id: int) -> Response:
    """Show one position."""
    with transaction() as connection:
        return jsonify(encode_fields(_position_fields(found(find_position(connection, user_id(), position_id)))))


@api.get("/trades")
def trades() -> Response:
    """List trades, the newest first."""
    query = read_list_query(TradeFilter, "-opened")
    with transaction() as connection:
        return _page(list_trades(connection, user_id(), query.wanted, **query.paging), asdict)


@api.get("/trades/<int:trade_id>")
def trade(trade_id: int) -> Response:
    """Show one trade."""
    with transaction() as connection:
        return jsonify(encode_fields(asdict(found(load_trade(connection, user_id(), trade_id)))))


@api.get("/trades.csv")
def trades_csv() -> Response:
    """Export all trades that the filters leave, page by page, so that any number of them fits."""
    query = read_list_query(TradeFilter, "-opened")
    with transaction() as connection:  # a wrong sort has to show before the first line is sent
        first = list_trades(connection, user_id(), query.wanted, **query.paging)
    lines = _csv_lines(first, query, backend().engine, user_id())
    disposition = {"Content-Disposition": "attachment; filename=trades.csv"}
    return Response(stream_with_context(lines), mimetype="text/csv", headers=disposition)


def _page(page: Page[Any], to_fields: Callable[[Any], Mapping[str, object]]) -> Response:
    return jsonify(items=[encode_fields(to_fields(item)) for item in page.items], next_cursor=page.next_cursor)


def _row_fields(row: Any) -> dict[str, Any]:
    return dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


def _position_fields(row: Any) -> dict[str, Any]:
    """The row with its exits as they stand instead of as they were planned; none of a closed position."""
    fields_of_row = _row_fields(row)
    del fields_of_row["exit_plan"], fields_of_row["best_since_entry"]
    return fields_of_row | exit_fields(standing_exits(row, Seen()))


def _csv_lines(page: Page[TradeRow], query: ListQuery[TradeFilter], engine: Engine, owner: int) -> Iterator[str]:
    yield _csv_text([[each.name for each in fields(TradeRow)]])
    while True:
        yield _csv_text([list(encode_fields(asdict(trade)).values()) for trade in page.items])
        if page.next_cursor is None:
            return
        with engine.connect() as connection:
            page = list_trades(
                connection, owner, query.wanted, sort=query.sort, cursor=page.next_cursor, limit=MOST_ROWS
            )


def _csv_text(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
