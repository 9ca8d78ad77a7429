"""What TradingView has said of one symbol so far: its messages hold only what changed since the one before."""

from decimal import Decimal
from typing import Any

from msgspec import UNSET, Struct

from services.price_feed.sources.venue import Trouble, VenueQuote
from shared.domain.timestamps import NS_PER_SECOND

MOST_DIGITS = 12  # of a price, in front of the point
BEYOND_SECONDS = 2**33
LIVE = 0
DELAYED = "delayed_streaming"
END_OF_DAY = "endofday"
REAL_TIME_ADVICE = (
    "Its drawdown and exits are those of the market of then. For live prices set TRADINGVIEW_SESSION of an account "
    "that has the exchange's real-time data, or choose another feed"
)


class Values(Struct, gc=False):
    """What a message has of the fields that we follow, each of whatever type it came as."""

    lp: Any = None
    lp_time: Any = None
    bid: Any = UNSET  # absent and null are not the same: null takes the last one back
    ask: Any = UNSET
    update_mode: Any = None


class TradingViewSymbol:
    """One symbol of one quote session: a snapshot in any number of parts first, then changes.

    A price is told once. While the snapshot comes in, a price waits for its time, by which an old one is known.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._price: Decimal | None = None
        self._time: int | None = None
        self._bid: Decimal | None = None
        self._ask: Decimal | None = None
        self._delay: int | None = LIVE
        self._is_live = False

    def merge(self, values: Values) -> VenueQuote | None:
        """Take in what changed; a quote if that is a new price, never for a time, bid, ask or volume alone."""
        if values.bid is not UNSET:
            self._bid = _price(values.bid)
        if values.ask is not UNSET:
            self._ask = _price(values.ask)
        price, time = _price(values.lp), _nanoseconds(values.lp_time)
        if price is None and time is None:
            return None
        return self._change(price, time) if self._is_live else self._snapshot(price, time)

    def complete(self) -> VenueQuote | None:
        """End the snapshot; a quote if its price is still untold."""
        if self._is_live:
            return None
        self._is_live = True
        return None if self._price is None else self._quote(self._price, self._time)

    def change_delay(self, mode: object) -> Trouble | None:
        """Take in how late prices come; a trouble if that is not as before."""
        delay = _delay_seconds(mode) if isinstance(mode, str) else self._delay
        if delay == self._delay:
            return None
        self._delay = delay
        sentence = f"TradingView sends {self._name} {_lateness(delay)}."
        return Trouble(kind="delayed", sentence=sentence, name=self._name, delay_seconds=delay)

    def _change(self, price: Decimal | None, time: int | None) -> VenueQuote | None:
        is_later = time is not None and time != self._time
        is_news = price is not None and (price != self._price or is_later)
        self._time = time if time is not None else self._time
        if price is None or not is_news:
            return None
        self._price = price
        # Only a time that came with the price is its own: the last one may be yesterday's.
        return self._quote(price, time)

    def _snapshot(self, price: Decimal | None, time: int | None) -> VenueQuote | None:
        is_second = price is not None and self._price is not None
        self._price = price if price is not None else self._price
        self._time = time if time is not None else self._time
        if self._price is None or (self._time is None and not is_second):
            return None
        self._is_live = True
        return self._quote(self._price, self._time)

    def _quote(self, price: Decimal, time: int | None) -> VenueQuote:
        return VenueQuote(name=self._name, price=price, venue_time=time, bid=self._bid, ask=self._ask)


def _price(value: object) -> Decimal | None:
    """Read a number; what is no price of anything (null, text, 1e+100) is none."""
    if type(value) is int:  # a truth value is none
        value = Decimal(value)
    return value if isinstance(value, Decimal) and value.adjusted() < MOST_DIGITS else None


def _nanoseconds(value: object) -> int | None:
    if isinstance(value, Decimal) and value.adjusted() < MOST_DIGITS:
        value = int(value)
    return value * NS_PER_SECOND if type(value) is int and 0 < value < BEYOND_SECONDS else None


def _delay_seconds(mode: str) -> int | None:
    """0 is live, None is late by nobody knows how much."""
    if not mode.startswith((DELAYED, END_OF_DAY)):
        return LIVE
    seconds = mode.rpartition("_")[2]
    return int(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) < 9 else None  # noqa: PLR2004 - digits


def _lateness(delay: int | None) -> str:
    if delay == LIVE:
        return "live again"
    how_late = "late" if delay is None else f"{delay} seconds late"
    return f"{how_late}. {REAL_TIME_ADVICE}"
