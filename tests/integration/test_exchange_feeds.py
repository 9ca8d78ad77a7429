"""Coinbase, Kraken and Tradovate through the source of live prices, over real sockets to strict servers."""

import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.price_feed.sources.coinbase import CoinbaseVenue
from services.price_feed.sources.kraken import KrakenVenue
from services.price_feed.sources.tradovate import TradovateVenue
from services.price_feed.sources.tradovate_access import TradovateAccess
from services.price_feed.sources.tradovate_account import TradovateAccount
from shared.contracts_file import packaged_contracts
from tests.venues.coinbase_server import CoinbaseServer
from tests.venues.following import Following, following
from tests.venues.kraken_server import KrakenServer
from tests.venues.tls import make_certificate
from tests.venues.tradovate_rest import TradovateRest
from tests.venues.tradovate_server import TradovateServer

CONTRACTS = packaged_contracts()
COINS = {symbol: CONTRACTS[symbol] for symbol in ("BTCUSD", "ETHUSD")}
MNQ = {"MNQ1!": CONTRACTS["MNQ"]}


@pytest.fixture
def coinbase() -> Iterator[CoinbaseServer]:
    with CoinbaseServer({"BTC-USD": "84000", "ETH-USD": "2000.5"}, heartbeat_seconds=0.1) as server:
        yield server
    assert server.misconduct == []


@pytest.fixture
def kraken() -> Iterator[KrakenServer]:
    with KrakenServer("BTC/USD", "ETH/USD", heartbeat_seconds=0.1) as server:
        yield server
    assert server.misconduct == []


@pytest.fixture
def rest() -> Iterator[TradovateRest]:
    with TradovateRest() as server:
        yield server
    assert server.misconduct == []


@pytest.fixture
def tradovate(rest: TradovateRest) -> Iterator[TradovateServer]:
    with TradovateServer(rest) as server:
        yield server


TRADER = TradovateAccount(username="trader", password="pass word")


def tradovate_venue(server: TradovateServer, account: TradovateAccount = TRADER) -> TradovateVenue:
    access = TradovateAccess(account, server.rest.url)
    return TradovateVenue(access=access, url=server.url, front_months={"MNQ": "MNQZ2026"})


def feed_access(feed: Following) -> TradovateAccess:
    venue = feed.source._lines[0].venue
    assert isinstance(venue, TradovateVenue)
    return venue.access


def trouble(feed: Following) -> str:
    return str(feed.source._lines[0].trouble)


def test_coinbase_gives_the_last_price_at_once_and_then_every_trade(coinbase: CoinbaseServer) -> None:
    with following(CoinbaseVenue(url=coinbase.url), symbols=COINS) as feed:
        feed.until(lambda: feed.prices("BTCUSD") == [84000] and feed.prices("ETHUSD") == [Decimal("2000.5")])
        coinbase.trade("BTC-USD", "84000.01")
        coinbase.trade("BTC-USD", "84001.50", matches=7)
        feed.until(lambda: feed.prices("BTCUSD") == [84000, Decimal("84000.01"), Decimal("84001.50")])
        assert feed.gaps("BTCUSD") == []


def test_a_trade_that_coinbase_lost_on_the_way_is_a_gap(coinbase: CoinbaseServer) -> None:
    with following(CoinbaseVenue(url=coinbase.url), symbols=COINS) as feed:
        feed.until(lambda: bool(feed.prices("BTCUSD")))
        coinbase.trade("BTC-USD", "80000", is_lost=True)
        feed.until(lambda: bool(feed.gaps("BTCUSD")))
        coinbase.trade("BTC-USD", "84001")
        feed.until(lambda: feed.prices("BTCUSD")[-1] == 84001)
        assert len(feed.gaps("BTCUSD")) == 1
        assert feed.gaps("ETHUSD") == []


def test_a_product_that_coinbase_does_not_have_leaves_the_others_as_they_are(coinbase: CoinbaseServer) -> None:
    wanted = {**COINS, "DOGEUSD": CONTRACTS["DOGEUSD"]}
    with following(CoinbaseVenue(url=coinbase.url), symbols=wanted) as feed:
        feed.until(lambda: bool(feed.prices("BTCUSD") and feed.prices("ETHUSD")))
        assert trouble(feed) == "Coinbase does not trade DOGE-USD."
        assert coinbase.follows("BTC-USD", "ETH-USD")
        assert coinbase.connected == 1


def test_kraken_tells_every_trade_with_its_digits(kraken: KrakenServer) -> None:
    with following(KrakenVenue(url=kraken.url), symbols=COINS) as feed:
        feed.until(lambda: kraken.follows("BTC/USD", "ETH/USD"))
        kraken.trade_at_once([("BTC/USD", "77313.30"), ("ETH/USD", "2000.5"), ("BTC/USD", "77313.2")])
        feed.until(lambda: feed.prices("BTCUSD") == [Decimal("77313.30"), Decimal("77313.2")])
        assert feed.prices("ETHUSD") == [Decimal("2000.5")]


def test_a_trade_that_kraken_lost_on_the_way_is_a_gap(kraken: KrakenServer) -> None:
    with following(KrakenVenue(url=kraken.url), symbols=COINS) as feed:
        feed.until(lambda: kraken.follows("BTC/USD", "ETH/USD"))
        kraken.trade("BTC/USD", "77313.3")
        kraken.trade("BTC/USD", "70000", is_lost=True)
        kraken.trade("BTC/USD", "77313.4")
        feed.until(lambda: len(feed.prices("BTCUSD")) == 2)
        assert len(feed.gaps("BTCUSD")) == 1


def test_kraken_is_shown_a_sign_of_life(kraken: KrakenServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.price_feed.sources.kraken.PING_SECONDS", 0.3)
    kraken._patience_seconds = 0.8
    with following(KrakenVenue(url=kraken.url), symbols=COINS) as feed:
        end = time.monotonic() + 1.5
        feed.until(lambda: time.monotonic() > end)
        assert kraken.connected == 1


def test_a_venue_over_tls_is_trusted_by_its_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, trusted = make_certificate(tmp_path)
    with KrakenServer("BTC/USD", tls=context) as server:
        venue = KrakenVenue(url=server.url)
        symbols = {"BTCUSD": CONTRACTS["BTCUSD"]}
        with following(venue, symbols=symbols) as feed:
            feed.until(lambda: "certificate" in trouble(feed).lower())
        monkeypatch.setenv("WEBSOCKET_CLIENT_CA_BUNDLE", str(trusted))
        with following(venue, symbols=symbols) as feed:
            feed.until(lambda: server.follows("BTC/USD"))
            server.trade("BTC/USD", "1")
            feed.until(lambda: feed.prices("BTCUSD") == [1])


def test_tradovate_gives_the_prices_of_the_front_month(tradovate: TradovateServer) -> None:
    tradovate.prices["MNQZ6"] = "21500.25"
    with following(tradovate_venue(tradovate), symbols=MNQ) as feed:
        feed.until(lambda: feed.prices() == [Decimal("21500.25")])
        tradovate.trade("MNQZ6", "21500.50", Bid={"price": 21500.25, "size": 3})
        tradovate.trade("MNQZ6", "21500.50")
        feed.until(lambda: len(feed.prices()) == 3)
    assert tradovate.misconduct == []
    assert tradovate.heard[:2] == ["authorize\n1\n\nmd-1", 'md/subscribeQuote\n2\n\n{"symbol": "MNQZ6"}']


def test_tradovate_hears_from_us_while_its_data_streams(
    tradovate: TradovateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.price_feed.sources.tradovate.SIGN_OF_LIFE_SECONDS", 0.5)
    tradovate._patience_seconds = 1.2
    with following(tradovate_venue(tradovate), symbols=MNQ) as feed:
        feed.until(lambda: tradovate.follows("MNQZ6"))
        end = time.monotonic() + 2.5
        number = 0
        while time.monotonic() < end:
            number += 1
            tradovate.trade("MNQZ6", f"{21500 + number % 2}")
            feed.said += feed.source.next_batch(0.01)
        feed.until(lambda: len(feed.prices()) == number)
    assert tradovate.connected == 1
    assert tradovate.misconduct == []
    assert tradovate.heard.count("[]") >= 4


def test_tradovate_lets_us_in_after_the_penalty(tradovate: TradovateServer, rest: TradovateRest) -> None:
    rest.penalties.append({"p-ticket": "T", "p-time": 1, "p-captcha": False})
    with following(tradovate_venue(tradovate), symbols=MNQ) as feed:
        feed.until(lambda: "wait for 1 s" in trouble(feed))
        feed.until(lambda: tradovate.follows("MNQZ6"))
    assert rest.log_ins == 1


def test_a_new_connection_to_tradovate_has_a_fresh_token(tradovate: TradovateServer, rest: TradovateRest) -> None:
    with following(tradovate_venue(tradovate), symbols=MNQ) as feed:
        feed.until(lambda: tradovate.follows("MNQZ6"))
        rest.revoke()
        tradovate.trade("MNQZ6", "21500")
        feed.until(lambda: feed.prices() == [21500])  # what is authorized stays so
        moment = time.time()
        feed_access(feed)._now = lambda: moment + 31  # the token is no longer a fresh one
        tradovate.cut()
        feed.until(lambda: tradovate.follows("MNQZ6") and tradovate.misconduct == ["a wrong token"])
    assert rest.log_ins == 2


def test_a_fresh_token_that_is_not_accepted_is_told_and_not_tried_again(
    tradovate: TradovateServer, rest: TradovateRest
) -> None:
    rest.is_entitled = False
    with following(tradovate_venue(tradovate), symbols=MNQ) as feed:
        feed.until(lambda: "does not accept the token for market data: Access is denied" in trouble(feed))
        feed.source.next_batch(1.5)
    assert rest.log_ins == 1


def test_a_token_is_renewed_while_the_talk_goes_on(tradovate: TradovateServer, rest: TradovateRest) -> None:
    rest._life_seconds = 601.0
    venue = tradovate_venue(tradovate)
    with following(venue, symbols=MNQ) as feed:
        feed.until(lambda: tradovate.follows("MNQZ6"))
        moment = time.time()
        venue.access._now = lambda: moment + 31
        tradovate.trade("MNQZ6", "21500")
        feed.until(lambda: rest.renewals == 1)
        assert tradovate.connected == 1


def test_a_wrong_password_is_told_and_not_tried_again(tradovate: TradovateServer, rest: TradovateRest) -> None:
    with following(tradovate_venue(tradovate, replace(TRADER, password="wrong one")), symbols=MNQ) as feed:
        feed.until(lambda: "Incorrect username or password" in trouble(feed))
        assert "wrong one" not in trouble(feed)
        feed.source.next_batch(1.5)
    assert len(rest.requests) == 1


def test_a_symbol_without_an_entitlement_is_told(tradovate: TradovateServer) -> None:
    tradovate.modes["MNQZ6"] = {"errorCode": "UnknownSymbol", "errorText": "Symbol is inaccessible", "mode": "None"}
    with following(tradovate_venue(tradovate), symbols=MNQ) as feed:
        feed.until(lambda: "Symbol is inaccessible" in trouble(feed))
        assert "Market Data: Read" in trouble(feed)


def test_tradovate_is_left_alone_after_it_shut_down(tradovate: TradovateServer) -> None:
    with following(tradovate_venue(tradovate), symbols=MNQ) as feed:
        feed.until(lambda: tradovate.follows("MNQZ6"))
        tradovate.shut_down("ConnectionQuotaReached")
        feed.until(lambda: "ConnectionQuotaReached" in trouble(feed))
        feed.source.next_batch(1.5)
    assert tradovate.connected == 1


@pytest.mark.parametrize("how", ["cut", "cut_in_mid_frame"])
def test_after_a_cut_tradovate_is_joined_again_and_the_time_between_is_a_gap(
    tradovate: TradovateServer, rest: TradovateRest, how: str
) -> None:
    tradovate.prices["MNQZ6"] = "21500"
    with following(tradovate_venue(tradovate), symbols=MNQ) as feed:
        feed.until(lambda: feed.prices() == [21500])
        getattr(tradovate, how)()
        feed.until(lambda: len(feed.prices()) == 2)
        assert len(feed.gaps()) == 1
    assert rest.log_ins == 1


def test_nothing_is_left_open_when_the_source_is_closed(kraken: KrakenServer) -> None:
    with following(KrakenVenue(url=kraken.url), symbols=COINS) as feed:
        feed.until(lambda: kraken.follows("BTC/USD", "ETH/USD"))
    kraken.wait_for(lambda: not kraken.clients)
