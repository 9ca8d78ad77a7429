import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, insert, update

from shared.store.contracts import contracts_in_force
from shared.store.tables import recorded_signals, recorded_trades, recorder_positions
from tests.integration.conftest import Trader

V1 = "/api/v1"
OPENED_AT = datetime(2026, 11, 20, 15, 0, 0, 250_000, tzinfo=UTC)
ONE_STOP = {"sl_enabled": True, "sl_amount": "20", "tp_targets": [{"value": 20, "trim": 1}], "initial_position_size": 3}


class Api:
    """One user's program."""

    def __init__(self, client: FlaskClient, trader: Trader) -> None:
        self._client = client
        self._headers = trader.bearer

    def __call__(self, method: str, path: str, body: object = None, *, code: int = 200) -> Any:
        answer = self._client.open(V1 + path, method=method, json=body, headers=self._headers)
        assert answer.status_code == code, answer.text
        if code >= 400:
            assert answer.content_type == "application/problem+json"
            assert answer.json["status"] == code
        return answer.json if answer.is_json or code >= 400 else answer.text


@pytest.fixture
def api(client: FlaskClient, trader: Trader) -> Api:
    return Api(client, trader)


@pytest.fixture
def others_api(client: FlaskClient, other_trader: Trader) -> Api:
    return Api(client, other_trader)


def test_a_recorder_is_made_shown_changed_and_deleted(api: Api, client: FlaskClient) -> None:
    made = api("POST", "/recorders", {"name": "gold", "symbol": " comex:mgc ", **ONE_STOP}, code=201)
    shown = api("GET", f"/recorders/{made['id']}")
    changed = api("PATCH", f"/recorders/{made['id']}", {"sl_amount": 0.5, "initial_position_size": None})
    replaced = api("PUT", f"/recorders/{made['id']}", {"name": "gold two"})
    listed = api("GET", "/recorders")["items"]

    assert shown == made
    assert (made["name"], made["symbol"], made["sl_amount"]) == ("gold", "MGC1!", "20")
    assert made["tp_targets"] == [{"value": "20", "trim": 1}]
    assert (changed["sl_amount"], changed["sl_enabled"], changed["initial_position_size"]) == ("0.5", True, 1)
    assert (replaced["name"], replaced["symbol"], replaced["sl_enabled"]) == ("gold two", None, False)
    assert [each["name"] for each in listed] == ["MNQ scalper", "gold two"]
    assert client.get(made["webhook_url"]).status_code == 200
    assert api("DELETE", f"/recorders/{made['id']}", code=204) == ""
    api("GET", f"/recorders/{made['id']}", code=404)
    assert client.get(made["webhook_url"]).status_code == 404


def test_alerts_that_near_the_limit_of_tradingview_are_warned_of(
    api: Api, client: FlaskClient, trader: Trader, engine: Engine
) -> None:
    path = f"/recorders/{trader.recorder.id}"
    for number in range(11):
        client.post(f"/webhook/{trader.token}", json={"action": "buy", "price": 100, "id": number})
    before = api("GET", path)["warnings"]
    with engine.begin() as connection:
        moved = update(recorded_signals).where(recorded_signals.c.recorder_id == trader.recorder.id)
        connection.execute(moved.values(received_at=recorded_signals.c.received_at - timedelta(minutes=5)))
    client.post(f"/webhook/{trader.token}", json={"action": "buy", "price": 100, "id": "next"})
    apart = api("GET", path)["warnings"]
    for number in range(11):
        client.post(f"/webhook/{trader.token}", json={"action": "buy", "price": 100, "id": f"more {number}"})

    assert before == apart == []
    assert api("GET", path)["warnings"][0].startswith("12 alerts came within three minutes")
    assert [bool(each["warnings"]) for each in api("GET", "/recorders")["items"]] == [True]


def test_a_rotated_token_replaces_the_old_url(api: Api, client: FlaskClient, trader: Trader) -> None:
    rotated = api("POST", f"/recorders/{trader.recorder.id}/rotate-token")

    assert trader.token not in rotated["webhook_url"]
    assert client.get(f"/webhook/{trader.token}").status_code == 404
    assert client.get(rotated["webhook_url"]).status_code == 200


def test_a_deleted_recorder_takes_everything_it_recorded_with_it(
    api: Api, client: FlaskClient, engine: Engine, trader: Trader
) -> None:
    posted: Any = client.post(f"/webhook/{trader.token}", data="buy")
    add_trades(engine, trader, ["10"], signal_id=posted.json["signal_id"])
    api("POST", f"/recorders/{trader.recorder.id}/stop")

    api("DELETE", f"/recorders/{trader.recorder.id}", code=204)

    assert [api("GET", path)["items"] for path in ("/signals", "/trades", "/positions")] == [[], [], []]


def test_a_recorder_stops_and_starts_with_its_other_settings_kept(api: Api, trader: Trader) -> None:
    stopped = api("POST", f"/recorders/{trader.recorder.id}/stop")
    started = api("POST", f"/recorders/{trader.recorder.id}/start")

    assert (stopped["recording_enabled"], stopped["symbol"]) == (False, "MNQ1!")
    assert (started["recording_enabled"], started["symbol"]) == (True, "MNQ1!")


def test_an_accepted_signal_keeps_the_settings_that_were_in_force(
    api: Api, client: FlaskClient, trader: Trader
) -> None:
    def settings_id() -> int:
        answer: Any = client.post(f"/webhook/{trader.token}", data="buy")
        found: int = api("GET", f"/signals/{answer.json['signal_id']}")["settings_id"]
        return found

    before = settings_id()
    api("PATCH", f"/recorders/{trader.recorder.id}", {"add_position_size": 2})

    assert before == trader.recorder.settings_id
    assert settings_id() > before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"symbol": "MNQ1!"}, "name"),
        ({"name": "a", "symbol": "XYZ1!"}, "symbol"),
        ({"name": "a", "sl_enabled": True}, "sl_amount"),
        ({"name": "a", "colour": "red"}, "colour"),
        ({"name": "a\0"}, "name"),
        ({"name": ["a"]}, "name"),
        ({"name": "a", "initial_position_size": 1.5}, "initial_position_size"),
        ({"name": "a", "initial_position_size": 10**30}, "initial_position_size"),
    ],
)
def test_wrong_settings_are_refused_with_field_and_reason(api: Api, body: dict[str, Any], field: str) -> None:
    problem = api("POST", "/recorders", body, code=422)

    assert list(problem["errors"]) == [field]
    assert len(api("GET", "/recorders")["items"]) == 1


def test_two_recorders_of_a_user_cannot_have_one_name(api: Api, others_api: Api, trader: Trader) -> None:
    taken = {"name": trader.recorder.name}
    other = api("POST", "/recorders", {"name": "other"}, code=201)

    api("POST", "/recorders", taken, code=409)
    api("PATCH", f"/recorders/{other['id']}", taken, code=409)
    assert others_api("GET", "/recorders")["items"][0]["name"] == trader.recorder.name


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"nul"])
def test_a_body_that_is_no_json_object_is_refused(client: FlaskClient, trader: Trader, body: bytes) -> None:
    answer = client.post(f"{V1}/recorders", data=body, headers=trader.bearer)

    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")


def test_what_belongs_to_others_is_not_there(
    api: Api, others_api: Api, client: FlaskClient, engine: Engine, trader: Trader
) -> None:
    position_id = add_trades(engine, trader, ["10"])
    posted: Any = client.post(f"/webhook/{trader.token}", data="buy")
    recorder = f"/recorders/{trader.recorder.id}"
    requests = [
        ("GET", f"/signals/{posted.json['signal_id']}", None),
        ("GET", f"/positions/{position_id}", None),
        ("GET", f"/trades/{api('GET', '/trades')['items'][0]['id']}", None),
        ("GET", recorder, None),
        ("DELETE", recorder, None),
        ("PUT", recorder, {"name": "mine"}),
        ("PATCH", recorder, {"name": "mine"}),
        *(("POST", f"{recorder}/{verb}", None) for verb in ("start", "stop", "rotate-token")),
    ]

    for method, path, body in requests:
        others_api(method, path, body, code=404)
    for path in ("/signals", "/trades", "/positions"):
        assert others_api("GET", path)["items"] == []
        assert others_api("GET", f"{path}?recorder_id={trader.recorder.id}")["items"] == []
        assert api("GET", path)["items"] != []
    assert others_api("GET", "/metrics")["currencies"] == {}
    assert others_api("GET", "/equity")["currencies"] == {}
    assert others_api("GET", "/trades.csv").count("\n") == 1
    assert api("GET", recorder)["name"] == trader.recorder.name


@pytest.mark.parametrize("path", ["/recorders/0", "/signals/99999999999999999999", "/positions/x", "/nothing"])
def test_what_does_not_exist_is_404(api: Api, path: str) -> None:
    api("GET", path, code=404)


def test_a_signal_is_listed_with_its_outcome_and_shown_with_its_body(
    api: Api, client: FlaskClient, trader: Trader
) -> None:
    client.post(f"/webhook/{trader.token}", data='{"action": "buy", "price": "25000.50"}')
    client.post(f"/webhook/{trader.token}", data=b"\xff\0 no signal")

    rejected, accepted = api("GET", "/signals")["items"]

    assert (accepted["status"], accepted["price"], accepted["ticker"]) == ("accepted", "25000.5", "MNQ1!")
    assert accepted["recorder"] == trader.recorder.name
    assert accepted["received_at"].endswith("Z")
    assert rejected["status"] == "rejected"
    assert "raw_data" not in rejected
    assert api("GET", f"/signals/{rejected['id']}")["raw_data"] == "\\xff\0 no signal"
    assert [each["id"] for each in api("GET", "/signals?status=accepted")["items"]] == [accepted["id"]]


def test_a_signal_says_how_often_it_was_sent_again(api: Api, client: FlaskClient, trader: Trader) -> None:
    for _ in range(3):
        client.post(f"/webhook/{trader.token}", data='{"action": "buy", "time": "2026-11-20T15:00:00Z"}')

    (listed,) = api("GET", "/signals")["items"]

    assert listed["duplicates"] == 2
    assert api("GET", f"/signals/{listed['id']}")["duplicates"] == 2
    assert not {"fingerprint", "intake_id"} & set(listed)


def test_lists_go_on_from_a_cursor_without_repeating_or_losing_a_row(api: Api, engine: Engine, trader: Trader) -> None:
    add_trades(engine, trader, ["10", "-5", "10", "0", "7.5"])
    for sort in ("-opened", "profit", "-profit", "symbol"):
        seen, cursor = [], ""
        for _ in range(3):
            page = api("GET", f"/trades?sort={sort}&limit=2&cursor={cursor}")
            seen += [each["id"] for each in page["items"]]
            cursor = page["next_cursor"] or ""
        assert cursor == ""
        assert seen == [each["id"] for each in api("GET", f"/trades?sort={sort}")["items"]]
        assert len(set(seen)) == 5


def test_a_trade_has_its_money_as_exact_strings(api: Api, engine: Engine, trader: Trader) -> None:
    add_trades(engine, trader, ["12.500"])

    (trade,) = api("GET", "/trades")["items"]

    assert (trade["pnl"], trade["max_adverse"], trade["entry_price"]) == ("12.5", "-22", "25000.25")
    assert (trade["side"], trade["quantity"], trade["exit_reason"]) == ("LONG", 1, "tp")
    assert trade["entry_time"] == "2026-11-20T15:00:00.250000Z"
    assert api("GET", f"/trades/{trade['id']}") == trade


@pytest.mark.parametrize(
    "query",
    [
        "sort=colour",
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=%21",
        "cursor=WyJcdTAwMDAiLDFd",
        "cursor=WyJ4IiwxXQ",
        "recorder_id=x",
        "recorder=1",
        "ticker=%00",
    ],
)
def test_a_wrong_parameter_is_refused_by_name(api: Api, query: str) -> None:
    for path in ("/trades", "/trades.csv", "/positions"):
        problem = api("GET", f"{path}?{query}", code=400)
        assert query.partition("=")[0] in problem["detail"]


def test_the_cursor_of_one_order_does_not_serve_another(api: Api, engine: Engine, trader: Trader) -> None:
    add_trades(engine, trader, ["10", "-5"])
    cursor = api("GET", "/trades?sort=symbol&limit=1")["next_cursor"]

    api("GET", f"/trades?sort=profit&cursor={cursor}", code=400)


def test_positions_are_listed_by_filter(api: Api, engine: Engine, trader: Trader) -> None:
    position_id = add_trades(engine, trader, ["10"])

    (listed,) = api("GET", "/positions?status=closed&ticker=MNQ1!&side=LONG")["items"]

    assert listed == api("GET", f"/positions/{position_id}")
    assert (listed["worst_unrealized_pnl"], listed["ticks_seen"], listed["recorder"]) == ("-22", 5, "MNQ scalper")
    assert api("GET", "/positions?status=open")["items"] == []


def test_all_trades_are_exported_however_many_pages_they_fill(api: Api, engine: Engine, trader: Trader) -> None:
    add_trades(engine, trader, [str(n) for n in range(450)])

    rows = list(csv.DictReader(io.StringIO(api("GET", "/trades.csv?sort=profit&side=LONG"))))

    assert [Decimal(row["pnl"]) for row in rows] == list(range(450))
    assert rows[0]["entry_price"] == "25000.25"
    assert rows[0]["entry_time"] == "2026-11-20T15:00:00.250000Z"


def test_metrics_and_equity_add_up_to_the_cent(api: Api, engine: Engine, trader: Trader) -> None:
    add_trades(engine, trader, ["10.10", "-20.05", "5"])

    figures = api("GET", f"/metrics?recorder_id={trader.recorder.id}")["currencies"]["USD"]
    curve = api("GET", "/equity")["currencies"]["USD"]

    assert (figures["trades"], figures["wins"], figures["net_profit"]) == (3, 2, "-4.95")
    assert figures["closed_drawdown"] == "20.05"
    assert figures["win_rate"]["value"] == "0.6666666667"
    assert [point["equity"] for point in curve] == ["10.1", "-9.95", "-4.95"]
    assert [point["underwater"] for point in curve] == ["0", "-20.05", "-15.05"]


def test_undefined_figures_say_why(api: Api, engine: Engine, trader: Trader) -> None:
    add_trades(engine, trader, ["10"])

    factor = api("GET", "/metrics")["currencies"]["USD"]["profit_factor"]

    assert factor["value"] is None
    assert factor["reason"]


def test_a_users_own_contract_is_in_force_for_them_alone(api: Api, others_api: Api) -> None:
    own = {"root": "MNQ", "kind": "future", "exchange": "X", "name": "My MNQ", "currency": "USD"}
    made = api("POST", "/contracts", own | {"tick_size": "0.5", "multiplier": 3}, code=201)

    mine = {each["root"]: each for each in api("GET", "/contracts")["items"]}["MNQ"]
    others = {each["root"]: each for each in others_api("GET", "/contracts")["items"]}["MNQ"]

    assert mine == made
    assert (made["tick_size"], made["multiplier"], made["tick_value"]) == ("0.5", "3", "1.5")
    assert (others["tick_size"], others["multiplier"]) == ("0.25", "2")


@pytest.mark.parametrize("change", [{"tick_size": "0"}, {"multiplier": "NaN"}, {"kind": "option"}, {"colour": "red"}])
def test_a_wrong_contract_is_refused_by_field(api: Api, change: dict[str, str]) -> None:
    contract = {"root": "ABC", "kind": "future", "exchange": "X", "name": "N", "currency": "USD"}

    problem = api("POST", "/contracts", contract | {"tick_size": "1", "multiplier": "1"} | change, code=422)

    assert next(iter(change)) in problem["detail"]


def test_a_fault_is_a_problem_without_its_details(app: Flask, trader: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(import_module("services.web.api.recorders"), "list_recorders", fail)
    app.config["PROPAGATE_EXCEPTIONS"] = False

    answer = app.test_client().get(f"{V1}/recorders", headers=trader.bearer)

    assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
    assert "secret" not in json.dumps(answer.json)


def add_trades(engine: Engine, trader: Trader, pnls: list[str], signal_id: int | None = None) -> int:
    """Add a closed position with a closed trade for each result, a minute apart; returns its id."""
    with engine.begin() as connection:
        contract_id = contracts_in_force(connection, None).ids["MNQ"]
        position = insert(recorder_positions).values(
            recorder_id=trader.recorder.id,
            contract_id=contract_id,
            ticker="MNQ1!",
            side="LONG",
            total_quantity=0,
            max_quantity=1,
            avg_entry_price=Decimal("25000.25"),
            entries=[],
            exit_plan={},
            totals={},
            unrealized_pnl=0,
            worst_unrealized_pnl=-22,
            best_unrealized_pnl=10,
            worst_price=Decimal(24989),
            worst_at=OPENED_AT,
            best_at=OPENED_AT,
            exit_price=Decimal(25005),
            realized_pnl=sum(Decimal(pnl) for pnl in pnls),
            ticks_seen=5,
            gap_seconds=0,
            status="closed",
            opened_at=OPENED_AT,
            closed_at=OPENED_AT + timedelta(minutes=len(pnls)),
            place=1,
            version=1,
        )
        position_id: int = connection.execute(position.returning(recorder_positions.c.id)).scalar_one()
        trade = {
            "recorder_id": trader.recorder.id,
            "position_id": position_id,
            "signal_id": signal_id,
            "ticker": "MNQ1!",
            "action": "BUY",
            "side": "LONG",
            "entry_price": Decimal("25000.25"),
            "entry_time": OPENED_AT,
            "exit_price": Decimal(25005),
            "quantity": 1,
            "pnl_ticks": 1,
            "commission": 0,
            "status": "closed",
            "exit_reason": "tp",
            "max_favorable": 10,
            "max_adverse": -22,
            "worst_price": Decimal(24989),
            "ticks_seen": 5,
            "gap_seconds": 0,
        }
        rows = [
            trade | {"lot": number, "pnl": Decimal(pnl), "exit_time": OPENED_AT + timedelta(minutes=number)}
            for number, pnl in enumerate(pnls, start=1)
        ]
        connection.execute(insert(recorded_trades), rows)
    return position_id
