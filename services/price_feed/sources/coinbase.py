"""Coinbase Exchange: its ticker, live and free, without an account.

A ticker is one taker order: its matches run through the book in one direction, so the price of the last one is the
extreme, and a jump of `trade_id` between two tickers loses no high and no low. What the heartbeat names as the last
trade, and no ticker showed by the next heartbeat, is lost.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from services.price_feed.sources.spot_names import pair_name
from services.price_feed.sources.venue import Connection, Heard, Trouble, VenueQuote
from services.price_feed.sources.wire import Exact, Moment, Unreadable, batches, decode, in_ns, unreadable
from shared.domain.contracts import Contract

PRODUCTION = "wss://ws-feed.exchange.coinbase.com"
CHANNELS = ("ticker", "heartbeat")
BATCH = 50  # products in a request
HEARTBEATS_BEFORE_DEAD_SECONDS = 10  # it beats once a second and product
TOO_MANY_REQUESTS = 429


class _Ticker(Exact, tag_field="type", tag="ticker"):
    product_id: str
    price: Decimal
    trade_id: int = 0
    time: Moment | None = None
    best_bid: Decimal | None = None
    best_ask: Decimal | None = None
    last_size: Decimal | None = None


class _Heartbeat(msgspec.Struct, tag_field="type", tag="heartbeat"):
    product_id: str
    last_trade_id: int = 0


class _Error(msgspec.Struct, tag_field="type", tag="error"):
    message: str = ""
    reason: str = ""


class _Subscriptions(msgspec.Struct, tag_field="type", tag="subscriptions"):
    """The list of what is subscribed by now; a name that is not in it was refused by an error."""


_Message = _Ticker | _Heartbeat | _Error | _Subscriptions


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinbaseVenue:
    """Spot pairs of Coinbase Exchange."""

    url: str = PRODUCTION
    name: str = "coinbase"

    def name_of(self, symbol: str, contract: Contract, at: int) -> str | None:  # noqa: ARG002 - a pair never rolls
        """Return BTC-USD for BTCUSD."""
        return pair_name(contract, "-")

    def contracts(self, symbol: str, contract: Contract, at: int) -> Sequence[str]:  # noqa: ARG002 - a pair never rolls
        """Return nothing: a pair is no future."""
        return ()

    def connect(self) -> Connection:
        """Begin a new talk; asks nothing."""
        return Connection(
            url=self.url, conversation=CoinbaseConversation(), silence_seconds=HEARTBEATS_BEFORE_DEAD_SECONDS
        )

    def refusal(self, status: int) -> Trouble:
        """Say why there is no socket."""
        if status == TOO_MANY_REQUESTS:
            return Trouble(
                kind="limited", sentence="Coinbase says: too many connections from here.", retry_after_seconds=60
            )
        return Trouble(kind="limited", sentence=f"Coinbase did not let us connect (HTTP {status}).")


class CoinbaseConversation:
    """One connection: tickers to quotes, heartbeats to signs of life."""

    def __init__(self) -> None:
        self._wanted: set[str] = set()
        self._seen: dict[str, int] = {}  # the last trade that a ticker showed
        self._expected: dict[str, int] = {}  # what the heartbeat before named as the last trade

    def greet(self) -> Sequence[str]:
        """Say nothing: the subscription, within five seconds, is the greeting."""
        return ()

    def subscribe(self, names: Collection[str]) -> Sequence[str]:
        """Ask for these products, in batches."""
        self._wanted.update(names)
        return [_request("subscribe", batch) for batch in batches(names, BATCH)]

    def unsubscribe(self, names: Collection[str]) -> Sequence[str]:
        """Ask for these products no longer."""
        known = self._wanted.intersection(names)  # to leave what was refused is an error of its own
        self._wanted -= known
        for name in names:
            self._seen.pop(name, None)
            self._expected.pop(name, None)
        return [_request("unsubscribe", batch) for batch in batches(known, BATCH)]

    def hear(self, message: str) -> Heard:
        """Take one message."""
        try:
            match decode(message, _Message):
                case _Ticker() as ticker:
                    return self._take_ticker(ticker)
                case _Heartbeat() as heartbeat:
                    return self._take_heartbeat(heartbeat)
                case _Error() as error:
                    return self._take_error(error)
        except Unreadable:
            return unreadable("Coinbase", message)
        return Heard()

    def _take_ticker(self, ticker: _Ticker) -> Heard:
        name = ticker.product_id
        if name not in self._wanted:
            return Heard()
        if ticker.trade_id:
            self._seen[name] = max(ticker.trade_id, self._seen.get(name, 0))
        return Heard(
            quotes=[
                VenueQuote(
                    name=name,
                    price=ticker.price,
                    venue_time=in_ns(ticker.time),
                    bid=ticker.best_bid,
                    ask=ticker.best_ask,
                    size=ticker.last_size,
                )
            ]
        )

    def _take_heartbeat(self, heartbeat: _Heartbeat) -> Heard:
        """Compare with the heartbeat before: a ticker may come a moment after the heartbeat that knows of its trade."""
        name, last = heartbeat.product_id, heartbeat.last_trade_id
        if name not in self._wanted:
            return Heard()
        seen = self._seen.get(name, 0)
        is_missed = 0 < seen < self._expected.get(name, 0)
        if is_missed:
            self._seen[name] = self._expected[name]
        self._expected[name] = last  # 0, as it has been seen for days on end, claims nothing
        return Heard(alive=[name], missed=[name] if is_missed else ())

    def _take_error(self, error: _Error) -> Heard:
        """One wrong product fails its whole request: ask for the others again."""
        wrong = next((name for name in sorted(self._wanted) if error.reason.startswith(f"{name} is not")), None)
        if wrong is None:
            sentence = f"Coinbase says: {error.message} {error.reason}".strip()
            return Heard(troubles=[Trouble(kind="limited", sentence=sentence)])
        self._wanted.discard(wrong)
        trouble = Trouble(kind="unknown_symbol", sentence=f"Coinbase does not trade {wrong}.", name=wrong)
        return Heard(troubles=[trouble], replies=self.subscribe(sorted(self._wanted)))


def _request(kind: str, names: list[str]) -> str:
    return json.dumps({"type": kind, "channels": [{"name": channel, "product_ids": names} for channel in CHANNELS]})
