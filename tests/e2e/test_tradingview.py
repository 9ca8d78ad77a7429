"""Positions live and die on TradingView's prices: all as a user runs it, but for the server behind the socket."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import open_directory
from tests.e2e.test_real_day import Client, assert_audited
from tests.e2e.test_up import OURS, Up, poll, run, running
from tests.venues.tradingview_server import TradingViewServer

MNQ = "CME_MINI:MNQ1!"
TARGET = {"name": "target", "symbol": "MNQ1!", "tp_targets": [{"value": "80"}]}
TRAILING = {
    "name": "trailing",
    "symbol": "MNQ1!",
    "sl_enabled": True,
    "sl_amount": "40",
    "sl_type": "Trail",
    "trail_trigger": "20",
}


@pytest.fixture
def server() -> Iterator[TradingViewServer]:
    values = {"lp": 25600.25, "lp_time": int(time.time()), "update_mode": "streaming"}
    with TradingViewServer({MNQ: values}, heartbeat_seconds=1, echo_within_seconds=5) as server:
        yield server
        assert server.misconduct == []


@pytest.fixture
def up(server: TradingViewServer) -> Iterator[Up]:
    environment = OURS | {"TRADINGVIEW_URL": server.url}
    options = ("--feed", "tradingview", "--no-demo")
    with open_directory() as directory, running(directory, *options, environment=environment) as up:
        yield up


def only(client: Client, kind: str, recorder: dict[str, Any]) -> dict[str, Any]:
    (row,) = client.listed(kind, recorder["id"])
    return row


def is_closed(client: Client, recorder: dict[str, Any]) -> bool:
    return bool(only(client, "trades", recorder)["status"] == "closed")


def test_positions_open_trail_and_close_on_its_prices_and_a_cut_shows_in_them(
    up: Up, server: TradingViewServer
) -> None:
    added = run("user", "add", "trader", "--data", str(up.data))
    client = Client(up.port, added.stdout.split("API key:")[1].split()[0])
    assert server.connected == 0  # nobody needs a price yet
    target, trailing = (client.call("/api/v1/recorders", settings) for settings in (TARGET, TRAILING))
    server.wait_for(lambda: server.follows(MNQ))

    for recorder in (target, trailing):
        client.post_alert(recorder, {"action": "buy", "price": "25600.25"})
        poll(lambda recorder=recorder: len(client.listed("trades", recorder["id"])) == 1, up.said)
    server.change(MNQ, lp=25595.0)
    server.cut()
    server.wait_for(lambda: server.connected == 2 and server.follows(MNQ))
    server.change(MNQ, lp=25620.25)
    poll(lambda: is_closed(client, target), lambda: client.listed("trades", target["id"]))
    server.change(MNQ, lp=25609.0)
    poll(lambda: is_closed(client, trailing), lambda: client.listed("trades", trailing["id"]))

    by_target, by_trail = only(client, "trades", target), only(client, "trades", trailing)
    assert (by_target["exit_reason"], by_target["exit_price"], by_target["pnl"]) == ("tp", "25620.25", "40")
    assert (by_trail["exit_reason"], by_trail["exit_price"], by_trail["pnl"]) == ("trail", "25609", "17.5")
    for trade in (by_target, by_trail):
        assert (trade["max_adverse"], trade["worst_price"]) == ("-10.5", "25595")
        assert 0 < float(trade["gap_seconds"]) < 5
    assert_audited(up)
