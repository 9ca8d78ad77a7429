"""What the price feed says of itself, as pages, readiness and Prometheus show it."""

import json
import time
from typing import Any

from flask.testing import FlaskClient
from redis import Redis

from shared.bus.heartbeat import SERVICES
from shared.domain.timestamps import NS_PER_SECOND
from tests.integration.conftest import PASSWORD, Trader

LIVE = {"symbol": "MNQ1!", "source": "tradingview", "name": "CME_MINI:MNQ1!", "state": "live", "delay_seconds": 0}
SOURCE = {"source": "tradingview", "state": "live", "trouble": None, "trouble_at": None, "delay_seconds": 0}


def say(client: Redis, *, state: str = "live", instance: str = "here-1", **facts: Any) -> None:
    beat = {
        "at": time.time(),
        "pid": 1,
        "source": "tradingview",
        "state": state,
        "messages": 7,
        "last_message_at": None,
    }
    client.hset(SERVICES, f"price_feed:{instance}", json.dumps(beat | facts))


def symbol(**facts: Any) -> dict[str, Any]:
    return LIVE | {"heard_at": time.time_ns() - 3 * NS_PER_SECOND, "refused": {}} | facts


def page(client: FlaskClient, trader: Trader, path: str = "/feed") -> str:
    client.post("/login", data={"name": trader.name, "password": PASSWORD})
    return client.get(path).text


def test_readiness_tells_of_sources_and_symbols(client: FlaskClient, redis_client: Redis) -> None:
    say(redis_client, sources=[SOURCE], symbols=[symbol(refused={"absurd": 2})])
    feed = client.get("/readyz").json["feed"]
    assert feed["sources"] == [SOURCE]
    assert (feed["symbols"][0]["symbol"], feed["symbols"][0]["refused"]) == ("MNQ1!", {"absurd": 2})
    assert 3 <= feed["symbols"][0]["age_seconds"] < 10


def test_a_standby_does_not_speak_for_the_feed(client: FlaskClient, redis_client: Redis) -> None:
    say(redis_client, state="standby", instance="a-1")
    assert client.get("/readyz").json["feed"] is None
    say(redis_client, sources=[SOURCE], symbols=[], instance="b-1")
    assert client.get("/readyz").json["feed"]["sources"] == [SOURCE]


def test_prometheus_gets_every_figure(client: FlaskClient, redis_client: Redis) -> None:
    late = symbol(symbol="MGC1!", state="stale", delay_seconds=None, refused={"zero": 4})
    say(redis_client, sources=[SOURCE], symbols=[symbol(delay_seconds=600), late])
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert "recorder_alerts_waiting 0" in lines
    assert any(line.startswith("recorder_signals_total ") for line in lines)
    assert 'recorder_feed_messages_total{feed="tradingview"} 7' in lines
    assert 'recorder_feed_source_up{source="tradingview"} 1' in lines
    assert 'recorder_feed_symbol_live{symbol="MNQ1!",source="tradingview"} 1' in lines
    assert 'recorder_feed_symbol_live{symbol="MGC1!",source="tradingview"} 0' in lines
    assert 'recorder_feed_symbol_delay_seconds{symbol="MNQ1!",source="tradingview"} 600' in lines
    assert 'recorder_feed_symbol_delay_seconds{symbol="MGC1!",source="tradingview"} NaN' in lines
    assert 'recorder_feed_refused_total{symbol="MGC1!",source="tradingview",kind="zero"} 4' in lines
    assert lines.count("# TYPE recorder_feed_symbol_live gauge") == 1
    assert any(line.startswith('recorder_feed_symbol_age_seconds{symbol="MNQ1!"') for line in lines)


def test_delayed_prices_are_said_plainly(client: FlaskClient, redis_client: Redis, trader: Trader) -> None:
    say(redis_client, sources=[SOURCE | {"delay_seconds": 600}], symbols=[symbol(delay_seconds=600)])
    shown = page(client, trader)
    assert "Prices delayed by 10 min (MNQ1!): drawdown is of then." in shown
    assert "Drawdown, targets and stops are of then, not of now." in client.get("/").text


def test_a_symbol_that_nobody_has_and_trouble_are_shown(
    client: FlaskClient, redis_client: Redis, trader: Trader
) -> None:
    trouble = SOURCE | {"state": "waiting", "trouble": "the <connection> broke", "trouble_at": time.time_ns()}
    unserved = {"symbol": "GC1!", "source": None, "state": "unserved"}
    say(redis_client, sources=[trouble], symbols=[unserved, symbol(state="stale", refused={"out_of_order": 3})])
    shown = page(client, trader)
    assert "No source has it" in shown
    assert "the &lt;connection&gt; broke" in shown
    assert "3 out of order" in shown


def test_closed_markets_are_no_problem(client: FlaskClient, redis_client: Redis, trader: Trader) -> None:
    say(redis_client, sources=[SOURCE], symbols=[symbol(state="closed")])
    shown = page(client, trader, "/")
    assert "Markets closed" in shown
    assert 'class="problem"' not in shown


def test_without_a_feed_the_page_says_what_is_safe(client: FlaskClient, trader: Trader) -> None:
    assert "No price feed runs" in page(client, trader)


def test_a_simulated_feed_has_a_page_too(client: FlaskClient, redis_client: Redis, trader: Trader) -> None:
    say(redis_client, source="simulated")
    assert "The simulated feed: live, 7 prices so far." in page(client, trader)
