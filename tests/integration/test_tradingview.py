"""The whole TradingView adapter against a server that is stricter than TradingView, over real sockets."""

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from redis import Redis

from services.price_feed.sources.tradingview import TradingView
from shared.contracts_file import packaged_contracts
from shared.domain.quotes import Gap, Quote
from shared.domain.rolls import contracts_near
from tests.integration.test_price_feed import eventually, prices, process
from tests.venues.following import Following, following
from tests.venues.tls import make_certificate
from tests.venues.tradingview_server import TradingViewServer

MNQ, MGC, NOPE = "CME_MINI:MNQ1!", "COMEX_MINI:MGC1!", "CME:NKD1!"
BOTH = {"MNQ1!": packaged_contracts()["MNQ"], "MGC1!": packaged_contracts()["MGC"]}
COOKIES = ("session-of-ann", "v1:sign/of+ann=")


def market() -> dict[str, dict[str, object]]:
    now = int(time.time())
    mnq = {"lp": 25600.25, "lp_time": now, "bid": 25600.0, "ask": 25600.25, "volume": 7, "update_mode": "streaming"}
    return {MNQ: mnq | {"description": "Micro 🚀"}, MGC: {"lp": 4000.1, "lp_time": now, "update_mode": "streaming"}}


@pytest.fixture
def server() -> Iterator[TradingViewServer]:
    with TradingViewServer(market()) as server:
        yield server
        assert server.misconduct == []


def guest(server: TradingViewServer) -> TradingView:
    return TradingView(url=server.url, site=server.site)


def member(server: TradingViewServer) -> TradingView:
    return TradingView(url=server.url, site=server.site, session=COOKIES[0], session_sign=COOKIES[1])


def trouble(feed: Following) -> str | None:
    return feed.source._lines[0].trouble


def tokens(server: TradingViewServer) -> list[str]:
    return [said.partition('"p":["')[2].partition('"')[0] for said in server.heard if "set_auth_token" in said]


def test_every_price_comes_once_with_its_book_and_on_the_grid(server: TradingViewServer) -> None:
    with following(guest(server)) as feed:
        feed.until(lambda: feed.prices() == [Decimal("25600.25")])
        server.change(MNQ, lp_time=int(time.time()), volume=8)
        server.change(MNQ, bid=25600.25, ask=25600.5)
        server.change(MNQ, lp=25600.5000000000018)
        server.tell([(MNQ, {"lp": 25601.0}), (MNQ, {"ch": 1.5}), (MNQ, {"lp": 25600.75})], with_heartbeat=True)
        feed.until(lambda: len(feed.prices()) == 4)
        server.wait_for(lambda: "~m~4~m~~h~1" in server.heard)
    quotes = [each for each in feed.said if isinstance(each, Quote)]
    assert [str(quote.price) for quote in quotes] == ["25600.25", "25600.50", "25601.00", "25600.75"]
    assert (quotes[1].bid, quotes[1].ask) == (Decimal("25600.25"), Decimal("25600.5"))


def test_heartbeats_are_echoed_in_time_whatever_else_comes() -> None:
    with TradingViewServer(market(), heartbeat_seconds=0.1, echo_within_seconds=1) as server:
        with following(guest(server)) as feed:
            feed.until(lambda: sum("~h~" in said for said in server.heard) > 15)
            server.change(MNQ, lp=25599)
            feed.until(lambda: feed.prices()[-1:] == [25599])
        assert server.connected == 1
        assert server.misconduct == []


def test_it_works_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, trusted = make_certificate(tmp_path)
    monkeypatch.setenv("WEBSOCKET_CLIENT_CA_BUNDLE", str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with TradingViewServer(market(), tls=context) as server:
        server.log_ins[COOKIES] = "eyJ.a.b"
        server.tokens = {"eyJ.a.b"}
        with following(member(server)) as feed:
            feed.until(lambda: feed.prices() == [Decimal("25600.25")])
        assert server.url.startswith("wss://")
        assert server.misconduct == []


@pytest.mark.parametrize("how", ["cut", "cut_in_mid_frame"])
def test_after_a_cut_a_new_session_has_all_symbols_within_a_second(server: TradingViewServer, how: str) -> None:
    with following(guest(server), symbols=BOTH) as feed:
        feed.until(lambda: len(feed.said) == 2)
        cut_at = time.monotonic()
        if how == "cut":
            server.cut()
        else:
            server.cut_in_mid_frame('~m~150~m~{"m":"qsd","p":["qs_x",{"n":"CME_MINI:MNQ1!","s":"ok","v":{"lp":1')
        feed.until(lambda: server.connected == 2 and server.follows(MNQ, MGC))
        assert time.monotonic() - cut_at < 1
        server.change(MNQ, lp=25590)
        feed.until(lambda: feed.prices()[-1] == 25590)
        assert len(feed.gaps()) == len(feed.gaps("MGC1!")) == 1
    first, second = [said for said in server.heard if "create_session" in said]
    assert first != second


def test_symbols_come_and_go_on_one_connection(server: TradingViewServer) -> None:
    with following(guest(server)) as feed:
        feed.until(lambda: server.follows(MNQ))
        feed.wanted = BOTH
        feed.until(lambda: feed.prices("MGC1!") == [Decimal("4000.1")])
        assert server.follows(MNQ, MGC)
        feed.wanted = {"MGC1!": BOTH["MGC1!"]}
        feed.until(lambda: server.follows(MGC))
    assert server.connected == 1


def test_a_symbol_that_it_does_not_have_is_said_and_costs_the_others_nothing(server: TradingViewServer) -> None:
    with following(guest(server), symbols=BOTH | {"NKD1!": packaged_contracts()["NKD"]}) as feed:
        feed.until(lambda: trouble(feed) is not None)
        assert trouble(feed) == f"TradingView has no symbol {NOPE}: check the contract's exchange, and the symbol."
        feed.until(lambda: feed.prices() == [Decimal("25600.25")])
        server.change(MNQ, lp=25600)
        feed.until(lambda: feed.prices()[-1] == 25600)
    assert server.connected == 1


def test_delayed_prices_are_known_as_such_until_they_are_live(server: TradingViewServer) -> None:
    server.market[MNQ]["update_mode"] = "delayed_streaming_600"
    for contract in contracts_near("MNQ1!", "MNQ", time.time_ns(), {}):
        server.market[f"CME_MINI:{contract}"] = dict(server.market[MNQ])
    with following(guest(server)) as feed:
        feed.until(lambda: feed.prices() != [])
        assert feed.source._subscriptions.symbols["MNQ1!"].delay_seconds == 600
        assert "600 seconds late" in (trouble(feed) or "")
        server.change(MNQ, update_mode="streaming")
        feed.until(lambda: feed.source._subscriptions.symbols["MNQ1!"].delay_seconds == 0)


def test_a_broken_session_is_made_anew_on_the_same_connection_and_what_it_missed_is_a_gap(
    server: TradingViewServer,
) -> None:
    with following(guest(server)) as feed:
        feed.until(lambda: feed.prices() != [])
        server.sessions_to_break = 1
        feed.wanted = BOTH
        feed.until(lambda: server.sessions_to_break == 0 and server.follows(MNQ, MGC))
        server.change(MNQ, lp=25590)
        feed.until(lambda: feed.prices()[-1] == 25590)
    assert server.connected == 1
    assert len(feed.gaps()) == 1


def test_sessions_that_keep_breaking_lead_to_a_new_connection(server: TradingViewServer) -> None:
    server.sessions_to_break = 5
    with following(guest(server)) as feed:
        feed.until(lambda: feed.prices() == [Decimal("25600.25")])
    assert server.connected == 2
    assert sum("quote_create_session" in said for said in server.heard) == 6


def test_a_log_ins_token_is_fetched_anew_for_each_connection(server: TradingViewServer) -> None:
    server.log_ins[COOKIES] = "eyJ.first.one"
    server.tokens = {"eyJ.first.one", "eyJ.second.one"}
    with following(member(server)) as feed:
        feed.until(lambda: feed.prices() != [])
        server.log_ins[COOKIES] = "eyJ.second.one"
        server.cut()
        feed.until(lambda: server.connected == 2 and server.follows(MNQ))
    assert tokens(server) == ["eyJ.first.one", "eyJ.second.one"]
    assert server.pages == 2


def test_a_token_that_is_not_accepted_is_said_without_showing_it() -> None:
    with TradingViewServer(market()) as server:
        server.log_ins[COOKIES] = "eyJ.outdated.token"
        with following(member(server)) as feed:
            feed.until(lambda: trouble(feed) is not None)
            said = trouble(feed) or ""
        assert said.startswith("TradingView does not accept the log-in's token; a fresh one is fetched.")
        assert "eyJ" not in said
        server.wait_for(lambda: server.misconduct == ["bad auth token"])


def test_a_log_in_that_has_expired_is_said_and_nobody_becomes_a_guest_unasked(server: TradingViewServer) -> None:
    with following(member(server)) as feed:
        feed.until(lambda: trouble(feed) is not None)
    said = trouble(feed) or ""
    assert said.startswith("TradingView does not know the log-in of TRADINGVIEW_SESSION any more: log in")
    assert COOKIES[0] not in said
    assert (server.pages, server.connected) == (1, 0)


@pytest.mark.parametrize(("status", "words"), [(429, "takes no more connections"), (403, "refuses the connection")])
def test_a_refused_handshake_is_said(server: TradingViewServer, status: int, words: str) -> None:
    with server.handshakes_answered(status), following(guest(server)) as feed:
        feed.until(lambda: words in (trouble(feed) or ""))
    assert server.connected == 0


def test_what_cannot_be_read_is_said_and_leaves_a_gap(server: TradingViewServer) -> None:
    with following(guest(server)) as feed:
        feed.until(lambda: feed.prices() != [])
        server.say('~m~2000~m~{"m":"qsd"')
        server.change(MNQ, lp=25590)
        feed.until(lambda: feed.prices()[-1] == 25590)
        assert (trouble(feed) or "").startswith("TradingView sent a frame longer than its message; it was dropped.")
    assert [type(each) for each in feed.said] == [Quote, Gap, Quote]


def test_the_price_feed_brings_them_into_the_log(
    server: TradingViewServer, redis_client: Redis, redis_url: str
) -> None:
    with process(redis_url, FEED="tradingview", FEED_SYMBOLS="MNQ1!", TRADINGVIEW_URL=server.url):
        eventually(lambda: prices(redis_client, "MNQ1!") == [Decimal("25600.25")])
        server.tell([(MNQ, {"lp": price}) for price in (25600.5, 25600.75, 25601)])
        eventually(lambda: prices(redis_client, "MNQ1!")[1:] == [Decimal("25600.5"), Decimal("25600.75"), 25601])
