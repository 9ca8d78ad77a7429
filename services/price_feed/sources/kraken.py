"""Kraken, version 2 of its feed: every trade, live and free, without an account.

`trade_id` counts the trades of a pair one by one, so a jump of it is a loss.
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

PRODUCTION = "wss://ws.kraken.com/v2"
PING = json.dumps({"method": "ping"})
PING_SECONDS = 10  # Kraken cuts off who says nothing for a minute; its answer is a sign of life of every pair
BATCH = 50  # pairs in a request
TOO_MANY_REQUESTS = 429
BAN_SECONDS = 600  # about 150 connections in ten minutes are let in


class _Trade(Exact):
    symbol: str
    price: Decimal
    qty: Decimal | None = None
    trade_id: int = 0
    timestamp: Moment | None = None


class _Status(msgspec.Struct):
    system: str = "online"


class _Result(msgspec.Struct):
    symbol: str | None = None


class _Message(msgspec.Struct):
    channel: str | None = None
    method: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"[]")
    result: _Result | None = None
    success: bool | None = None
    error: str | None = None
    symbol: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KrakenVenue:
    """Spot pairs of Kraken."""

    url: str = PRODUCTION
    name: str = "kraken"

    def name_of(self, symbol: str, contract: Contract, at: int) -> str | None:  # noqa: ARG002 - a pair never rolls
        """Return BTC/USD for BTCUSD."""
        return pair_name(contract, "/")

    def contracts(self, symbol: str, contract: Contract, at: int) -> Sequence[str]:  # noqa: ARG002 - a pair never rolls
        """Return nothing: a pair is no future."""
        return ()

    def connect(self) -> Connection:
        """Begin a new talk; asks nothing."""
        return Connection(
            url=self.url, conversation=KrakenConversation(), keep_alive=PING, keep_alive_seconds=PING_SECONDS
        )

    def refusal(self, status: int) -> Trouble:
        """Say why there is no socket."""
        if status == TOO_MANY_REQUESTS:
            return Trouble(
                kind="limited", sentence="Kraken says: too many connections from here.", retry_after_seconds=BAN_SECONDS
            )
        return Trouble(kind="limited", sentence=f"Kraken did not let us connect (HTTP {status}).")


class KrakenConversation:
    """One connection: trades to quotes."""

    def __init__(self) -> None:
        self._wanted: set[str] = set()
        self._confirmed: set[str] = set()
        self._seen: dict[str, int] = {}  # the last trade of each pair

    def greet(self) -> Sequence[str]:
        """Say nothing; Kraken begins, with its status."""
        return ()

    def subscribe(self, names: Collection[str]) -> Sequence[str]:
        """Ask for the trades of these pairs, in batches."""
        self._wanted.update(names)
        return [_request("subscribe", batch) for batch in batches(names, BATCH)]

    def unsubscribe(self, names: Collection[str]) -> Sequence[str]:
        """Ask for these pairs no longer."""
        known = self._wanted.intersection(names)  # to leave what was refused is an error of its own
        self._wanted -= known
        self._confirmed.difference_update(names)
        for name in names:
            self._seen.pop(name, None)
        return [_request("unsubscribe", batch) for batch in batches(known, BATCH)]

    def hear(self, message: str) -> Heard:
        """Take one message; of a channel that is not ours it is none of our business."""
        try:
            told = decode(message, _Message)
            match told.channel or told.method:
                case "trade":
                    return self._take_trades(decode(told.data, list[_Trade]))
                case "heartbeat" | "pong":
                    return Heard(alive=sorted(self._confirmed))
                case "status":
                    return _take_status(decode(told.data, list[_Status]))
                case "subscribe" | None:
                    return self._take_answer(told)
        except Unreadable:
            return unreadable("Kraken", message)
        return Heard()

    def _take_trades(self, trades: list[_Trade]) -> Heard:
        fresh = sorted((trade for trade in trades if trade.symbol in self._wanted), key=lambda trade: trade.trade_id)
        missed = {trade.symbol for trade in fresh if self._is_after_loss(trade)}
        return Heard(quotes=[_quote(trade) for trade in fresh], missed=missed)

    def _is_after_loss(self, trade: _Trade) -> bool:
        last = self._seen.get(trade.symbol, 0)
        self._seen[trade.symbol] = max(trade.trade_id, last)
        return 0 < last < trade.trade_id - 1

    def _take_answer(self, told: _Message) -> Heard:
        if told.error is None and told.success is not False:
            self._confirmed.update(self._wanted & {told.result.symbol if told.result else told.symbol})
            return Heard()
        reason = told.error or "no reason given"
        if told.symbol not in self._wanted:
            return Heard(troubles=[Trouble(kind="limited", sentence=f"Kraken says: {reason}.")])
        if "lready subscribed" in reason:
            return Heard()
        self._wanted.discard(told.symbol)
        sentence = f"Kraken has no trades of {told.symbol}: {reason}."
        return Heard(troubles=[Trouble(kind="unknown_symbol", sentence=sentence, name=told.symbol)])


def _quote(trade: _Trade) -> VenueQuote:
    return VenueQuote(
        name=trade.symbol,
        price=trade.price,
        venue_time=in_ns(trade.timestamp),
        size=trade.qty,
    )


def _take_status(statuses: list[_Status]) -> Heard:
    if any(status.system == "maintenance" for status in statuses):
        return Heard(
            troubles=[Trouble(kind="limited", sentence="Kraken is under maintenance.", retry_after_seconds=30)]
        )
    return Heard()


def _request(method: str, names: list[str]) -> str:
    params: dict[str, object] = {"channel": "trade", "symbol": names}
    if method == "subscribe":
        params["snapshot"] = False  # the past is not ours to record
    return json.dumps({"method": method, "params": params})
