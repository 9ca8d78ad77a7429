"""One connection to Tradovate's market data: its frames, its requests, its quotes; tokens are TradovateAccess's.

A quote lists what holds now, not what changed; it is a price only when its trade or the day's volume is new.
"""

import json
from collections.abc import Collection, Sequence

import msgspec

from services.price_feed.sources.tradovate_access import HOUR, TOO_MANY, TradovateAccess
from services.price_feed.sources.tradovate_messages import (
    Message,
    Outcome,
    QuoteMessage,
    QuotesMessage,
    ShutdownMessage,
)
from services.price_feed.sources.venue import Heard, Trouble, VenueQuote, VenueRefused
from services.price_feed.sources.wire import Unreadable, decode, in_ns, joined, unreadable

DELAY_SECONDS = 600
AUTHORIZE = 1  # the number of the first request
OK = 200
SHUTDOWN_SECONDS = {"Maintenance": 60, "ConnectionQuotaReached": 600, "IPQuotaReached": 600}
ENTITLEMENT = (
    "Prices over the API need Tradovate's API access, an API key with the permission Market Data: Read, and a "
    "subscription of the exchange's data"
)


class TradovateConversation:
    """One connection: silent until it is opened, authorized, then subscribed."""

    def __init__(self, token: str, access: TradovateAccess, delayed: set[str]) -> None:
        self._token = token
        self._access = access
        self._delayed = delayed  # what came late before this connection began
        self._is_authorized = False
        self._due: set[str] = set()  # wanted, and yet to be asked for
        self._names: dict[int, str] = {}  # by the number of their contract
        self._asked: dict[int, str] = {}  # by the number of the request
        self._last_trades: dict[str, tuple[object, ...]] = {}
        self._requests = AUTHORIZE

    def greet(self) -> Sequence[str]:
        """Say nothing: Tradovate begins."""
        return ()

    def subscribe(self, names: Collection[str]) -> Sequence[str]:
        """Ask for them with the next message that comes; there is one every few seconds."""
        self._due.update(names)
        return ()

    def unsubscribe(self, names: Collection[str]) -> Sequence[str]:
        """Ask for these no longer."""
        self._due.difference_update(names)
        followed = {number: name for number, name in self._names.items() if name in names}
        for number, name in followed.items():
            del self._names[number]
            self._last_trades.pop(name, None)
        return [self._request("md/unsubscribeQuote", name) for name in sorted(followed.values())]

    def hear(self, message: str) -> Heard:
        """Take one frame; its first character says what it is."""
        try:
            heard = self._take(message)
        except Unreadable:
            heard = unreadable("Tradovate", message)
        if not self._is_authorized:
            return heard
        self._access.keep_fresh()
        return joined([heard, self._ask_for_due()]) if self._due else heard

    def _take(self, message: str) -> Heard:
        match message[:1], message[1:]:
            case "o", _:
                return Heard(replies=[f"authorize\n{AUTHORIZE}\n\n{self._token}"])
            case "a", array:
                return joined(self._take_one(each) for each in decode(array, list[msgspec.Raw]))
            case "c", closing:
                return Heard(
                    troubles=[Trouble(kind="limited", sentence=f"Tradovate closed the connection: {closing}.")]
                )
            case "h", _:
                return Heard()
        raise Unreadable

    def _take_one(self, part: msgspec.Raw) -> Heard:
        try:
            told = decode(part, Message)
            if told.e == "md":
                return joined(self._take_quote(each) for each in decode(told.d, QuotesMessage).quotes)
            if told.e == "shutdown":
                return _take_shutdown(decode(told.d, ShutdownMessage))
            return Heard() if told.s is None else self._take_answer(told, told.s)
        except Unreadable:
            return unreadable("Tradovate", bytes(part).decode())

    def _take_quote(self, part: msgspec.Raw) -> Heard:
        quote: QuoteMessage = decode(part, QuoteMessage)
        name = self._names.get(quote.contract_id)
        entries = quote.entries
        if name is None:
            return Heard()
        if entries.trade is None or entries.trade.price is None:
            return Heard(alive=[name])
        volume = entries.total_trade_volume and entries.total_trade_volume.size
        trade = (entries.trade.price, entries.trade.size, volume)
        if self._last_trades.get(name) == trade:
            return Heard(alive=[name])
        self._last_trades[name] = trade
        return Heard(
            quotes=[
                VenueQuote(
                    name=name,
                    price=entries.trade.price,
                    venue_time=in_ns(quote.timestamp),
                    bid=entries.bid.price if entries.bid else None,
                    ask=entries.offer.price if entries.offer else None,
                    size=entries.trade.size,
                )
            ]
        )

    def _take_answer(self, told: Message, status: int) -> Heard:
        outcome = decode(told.d, Outcome | str | None)
        reason = outcome.error_text if isinstance(outcome, Outcome) else outcome or ""
        if status == TOO_MANY:
            sentence = "Tradovate takes no more requests for now (429)."
            return Heard(troubles=[Trouble(kind="limited", sentence=sentence, retry_after_seconds=HOUR)])
        if told.i == AUTHORIZE:
            return self._take_authorization(status, reason)
        name = self._asked.pop(told.i, None) if told.i is not None else None
        if name is None:
            return Heard()
        if status != OK or reason:
            sentence = f"Tradovate gives no prices of {name}: {reason or status}. {ENTITLEMENT}."
            return Heard(troubles=[Trouble(kind="unknown_symbol", sentence=sentence, name=name)])
        return self._take_mode(name, outcome.mode if isinstance(outcome, Outcome) else "")

    def _take_authorization(self, status: int, reason: str) -> Heard:
        self._is_authorized = status == OK
        if self._is_authorized:
            return Heard()
        seconds = self._access.forget()
        sentence = f"Tradovate does not accept the token for market data: {reason or status}. {ENTITLEMENT}."
        return Heard(troubles=[Trouble(kind="refused", sentence=sentence, retry_after_seconds=seconds)])

    def _take_mode(self, name: str, mode: str) -> Heard:
        """Tell of a delay, and of its end, which is news only to who was told of it."""
        if mode == "Delayed":
            self._delayed.add(name)
            sentence = f"Tradovate sends {name} ten minutes late. {ENTITLEMENT}."
            trouble = Trouble(kind="delayed", sentence=sentence, name=name, delay_seconds=DELAY_SECONDS)
        elif name in self._delayed:
            self._delayed.discard(name)
            trouble = Trouble(kind="delayed", sentence=f"Tradovate sends {name} live.", name=name, delay_seconds=0)
        else:
            return Heard()
        return Heard(troubles=[trouble])

    def _ask_for_due(self) -> Heard:
        replies, troubles = [], []
        for name in sorted(self._due):
            try:
                self._names[self._access.contract_id(name)] = name
            except VenueRefused as refusal:
                troubles.append(Trouble(kind="unknown_symbol", sentence=str(refusal), name=name))
            except OSError:
                continue  # it stays due; the access does not ask at every message
            else:
                replies.append(self._request("md/subscribeQuote", name))
                self._asked[self._requests] = name
            self._due.discard(name)
        return Heard(replies=replies, troubles=troubles)

    def _request(self, endpoint: str, name: str) -> str:
        self._requests += 1
        return f"{endpoint}\n{self._requests}\n\n{json.dumps({'symbol': name})}"


def _take_shutdown(told: ShutdownMessage) -> Heard:
    reason = f"{told.reason_code}: {told.reason}" if told.reason else told.reason_code
    trouble = Trouble(
        kind="limited",
        sentence=f"Tradovate ends the connection ({reason}).",
        retry_after_seconds=SHUTDOWN_SECONDS.get(told.reason_code, 30),
    )
    return Heard(troubles=[trouble])
