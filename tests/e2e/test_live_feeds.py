"""`recorder up` on live prices: Tradovate, Coinbase and Kraken at once, each symbol from the first that has it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import open_directory
from tests.e2e.test_real_day import Client
from tests.e2e.test_up import OURS, poll, run, running
from tests.venues.coinbase_server import CoinbaseServer
from tests.venues.kraken_server import KrakenServer
from tests.venues.tradovate_rest import TradovateRest
from tests.venues.tradovate_server import TradovateServer

TRAILED = {"sl_enabled": True, "sl_amount": 40, "sl_type": "Trail", "trail_trigger": 20, "trail_freq": 4}
TARGET = {"tp_units": "Points", "tp_targets": [{"value": 5, "trim": 1}]}


@dataclass(frozen=True)
class Live:
    """A running system, and the venues that it listens to."""

    client: Client
    tradovate: TradovateServer
    coinbase: CoinbaseServer
    kraken: KrakenServer

    def enter(self, recorder: dict[str, Any], action: str, price: str) -> None:
        """Have an alert open a position."""
        self.client.post_alert(recorder, {"action": action, "price": price})
        poll(lambda: self.positions(recorder) != [], lambda: self.client.listed("signals", recorder["id"]))

    def positions(self, recorder: dict[str, Any]) -> list[dict[str, Any]]:
        return self.client.listed("positions", recorder["id"])

    def sees(self, recorder: dict[str, Any], **fields: str) -> None:
        """Wait until the recorder's only position has these values."""

        def shown() -> list[dict[str, Any]]:
            return [{name: position[name] for name in fields} for position in self.positions(recorder)]

        poll(lambda: shown() == [fields], lambda: self.positions(recorder))


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with ExitStack() as stack:
        rest = stack.enter_context(TradovateRest())
        tradovate = stack.enter_context(TradovateServer(rest))
        coinbase = stack.enter_context(CoinbaseServer({"BTC-USD": "84000", "ETH-USD": "2000"}))
        kraken = stack.enter_context(KrakenServer("BTC/USD", "SOL/USD"))
        environment = {
            "TRADOVATE_URL": rest.url,
            "TRADOVATE_MD_URL": tradovate.url,
            "TRADOVATE_USERNAME": rest.user[0],
            "TRADOVATE_PASSWORD": rest.user[1],
            "FEED_FRONT_MONTHS": "MNQ=MNQZ2026",
            "COINBASE_URL": coinbase.url,
            "KRAKEN_URL": kraken.url,
        }
        options = ("--feed", "tradovate,coinbase,kraken", "--no-demo")
        directory = stack.enter_context(open_directory())
        up = stack.enter_context(running(directory, *options, environment=OURS | environment))
        added = run("user", "add", "trader", "--data", str(up.data))
        client = Client(up.port, added.stdout.split("API key:")[1].split()[0])
        yield Live(client, tradovate, coinbase, kraken)
        assert tradovate.misconduct == coinbase.misconduct == kraken.misconduct == rest.misconduct == []


def test_a_position_trails_and_closes_on_prices_of_tradovate(live: Live) -> None:
    recorder = live.client.call("/api/v1/recorders", {"name": "futures", "symbol": "MNQ1!", **TRAILED})
    poll(lambda: live.tradovate.follows("MNQZ6"), lambda: live.tradovate.heard)
    live.tradovate.trade("MNQZ6", "21500")
    live.enter(recorder, "buy", "21500")
    live.tradovate.trade("MNQZ6", "21495.25")
    live.sees(recorder, worst_unrealized_pnl="-9.5")
    live.tradovate.trade("MNQZ6", "21520")
    live.sees(recorder, best_unrealized_pnl="40")
    live.tradovate.trade("MNQZ6", "21510.25")
    live.tradovate.trade("MNQZ6", "21509.75")
    live.sees(recorder, status="closed", exit_price="21509.75", realized_pnl="19.5", worst_unrealized_pnl="-9.5")
    (trade,) = live.client.listed("trades", recorder["id"])
    assert trade["exit_reason"] == "trail"


@pytest.mark.parametrize(
    ("symbol", "venue", "name", "start"),
    [("ETHUSD", "coinbase", "ETH-USD", 2000), ("SOLUSD", "kraken", "SOL/USD", 150)],
)
def test_a_position_reaches_its_target_on_prices_of_an_exchange(
    live: Live, symbol: str, venue: str, name: str, start: int
) -> None:
    recorder = live.client.call("/api/v1/recorders", {"name": venue, "symbol": symbol, **TARGET})
    server = getattr(live, venue)
    follows: Callable[..., bool] = server.follows
    poll(lambda: follows(name), lambda: server.heard)
    server.trade(name, f"{start}.00")
    live.enter(recorder, "buy", str(start))
    server.trade(name, f"{start - 1}.51")
    live.sees(recorder, worst_unrealized_pnl="-0.49")
    server.trade(name, f"{start + 5}.02")
    live.sees(recorder, status="closed", exit_price=f"{start + 5}", realized_pnl="5", worst_unrealized_pnl="-0.49")
