"""The shapes of what Tradovate's market data says."""

from decimal import Decimal

import msgspec

from services.price_feed.sources.wire import Exact, Moment


class Entry(Exact):
    """One line of a quote; either part may be absent."""

    price: Decimal | None = None
    size: Decimal | None = None


class Entries(msgspec.Struct, rename="pascal"):
    """What we use of a quote's lines; any may be absent."""

    trade: Entry | None = None
    bid: Entry | None = None
    offer: Entry | None = None
    total_trade_volume: Entry | None = None


class QuoteMessage(msgspec.Struct, rename="camel"):
    """What holds of one contract now."""

    contract_id: int
    entries: Entries
    timestamp: Moment | None = None


class QuotesMessage(msgspec.Struct):
    """The quotes of one event; another kind of data has none."""

    quotes: list[msgspec.Raw] = []


class ShutdownMessage(msgspec.Struct, rename="camel"):
    """Why the server ends the connection."""

    reason_code: str = "no reason given"
    reason: str = ""


class Outcome(msgspec.Struct, rename="camel"):
    """What a subscription came to, when that is told as an object."""

    mode: str = ""
    error_text: str = ""


class Message(msgspec.Struct):
    """An answer (`s` status, `i` number of the request) or an event (`e`)."""

    s: int | None = None
    i: int | None = None
    e: str | None = None
    d: msgspec.Raw = msgspec.Raw(b"null")
