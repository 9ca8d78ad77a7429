"""Positions live and die on TradingView's prices: all as a user runs it, but for the server behind the socket."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest

from services.price_feed.sources.tradingview import TradingView
from shared.domain.numbers import plain
from tests.conftest import open_directory
from tests.e2e.test_real_day import Client, assert_audited
from tests.e2e.test_up import OURS, Up, poll, run, running
from tests.venues.rolling import rolling_today
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
SHORT = {"name": "short", "sl_enabled": True, "sl_amount": "40"}
LONG = {"name": "long", "tp_targets": [{"value": "60"}]}


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


def contracts(client: Client) -> list[str]:
    """What the symbols stand for, as the price feed says it."""
    return [each["contract"] for each in client.call("/readyz")["feed"]["symbols"]]


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


def test_positions_live_through_a_roll_that_tradingview_does_not_tell() -> None:
    rolling = rolling_today("MNQ", "MES", "CL", "NG")
    tick = rolling.contract.tick_size
    own, old, new = (
        str(TradingView().name_of(each, rolling.contract, time.time_ns()))
        for each in (rolling.symbol, rolling.old, rolling.new)
    )

    def at(ticks: int) -> str:
        return plain(20_000 * tick + ticks * tick)

    def money(ticks: int) -> str:
        return plain(ticks * tick * rolling.contract.multiplier)

    quiet = {"lp_time": int(time.time()), "update_mode": "streaming"}
    market = {name: {"lp": float(at(ticks))} | quiet for name, ticks in ((own, 0), (old, 0), (new, 80))}
    with TradingViewServer(market) as server, open_directory() as directory:
        server.stands_for[own] = old
        environment = OURS | {"TRADINGVIEW_URL": server.url}
        with running(directory, "--feed", "tradingview", "--no-demo", environment=environment) as up:
            added = run("user", "add", "trader", "--data", str(up.data))
            client = Client(up.port, added.stdout.split("API key:")[1].split()[0])
            short, long = (
                client.call("/api/v1/recorders", {**settings, "symbol": rolling.symbol}) for settings in (SHORT, LONG)
            )
            server.wait_for(lambda: server.follows(own, old, new), 30)
            prices = itertools.cycle((1, 0))

            def is_known() -> bool:
                server.change(old, lp=float(at(next(prices))))
                return contracts(client) == [rolling.old]

            poll(is_known, up.said)
            server.change(old, lp=float(at(0)))
            for recorder, action in ((short, "sell"), (long, "buy")):
                client.post_alert(recorder, {"action": action, "price": at(0)})
                poll(lambda recorder=recorder: client.listed("trades", recorder["id"]) != [], up.said)
            server.change(old, lp=float(at(10)))
            poll(lambda: only(client, "positions", short)["worst_unrealized_pnl"] == money(-10), up.said)

            server.roll(own, new)
            server.change(new, lp=float(at(90)))
            poll(lambda: only(client, "positions", short)["rolled"] == plain(80 * tick), up.said)
            for recorder, side in ((short, -1), (long, 1)):
                position = only(client, "positions", recorder)
                assert position["status"] == "open"
                assert position["avg_entry_price"] == at(80)
                assert position["worst_unrealized_pnl"] == money(min(0, 10 * side))
                assert position["best_unrealized_pnl"] == money(max(0, 10 * side))

            server.change(new, lp=float(at(121)))
            poll(lambda: is_closed(client, short), lambda: client.listed("trades", short["id"]))
            server.change(new, lp=float(at(141)))
            poll(lambda: is_closed(client, long), lambda: client.listed("trades", long["id"]))
            stopped, reached = only(client, "trades", short), only(client, "trades", long)
            assert (stopped["exit_reason"], stopped["exit_price"], stopped["pnl"]) == ("sl", at(121), money(-41))
            assert (reached["exit_reason"], reached["exit_price"], reached["pnl"]) == ("tp", at(140), money(60))
            assert stopped["rolled"] == reached["rolled"] == plain(80 * tick)
            assert_audited(up)
        assert server.misconduct == []
