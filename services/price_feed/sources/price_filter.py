"""Keeps prices that cannot be true out of one symbol's log, and counts them by kind; it knows no venue."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from shared.domain.quotes import Quote
from shared.domain.timestamps import NS_PER_SECOND

RefusedKind = Literal["duplicate", "out_of_order", "zero", "negative", "absurd", "old"]

OUT_OF_ORDER_NS = NS_PER_SECOND  # venues send trades of one moment in any order, and some tell whole seconds
AHEAD_NS = 5 * NS_PER_SECOND  # a venue's time that lies further ahead of ours is a mistake that orders nothing
MOST_DIGITS = 12
CONFIRMED_BY = 2


class PriceFilter:
    """Lets a price through at once, or, after a jump, with the two that confirm it."""

    def __init__(self, jump_percent: Decimal, last_price: Decimal | None = None) -> None:
        self.refused: Counter[RefusedKind] = Counter()
        self._jump = jump_percent / 100
        self._last = last_price
        self._suspects: list[Quote] = []
        self._seen: tuple[Decimal, int | None] | None = None
        self._venue_time = 0

    def begin_anew(self) -> Decimal | None:
        """Forget what came so far, since other prices follow; returns the last one that was let through."""
        last, self._last, self._suspects, self._seen, self._venue_time = self._last, None, [], None, 0
        return last

    def sift(self, quote: Quote, venue_time: int | None) -> Sequence[Quote]:
        """Return what may go into the log now, in order."""
        wrong = self._wrong(quote.price, venue_time)
        if wrong is not None:
            self.refused[wrong] += 1
            return ()
        self._seen = quote.price, venue_time
        if venue_time is not None and self._venue_time < venue_time <= quote.occurred_at + AHEAD_NS:
            self._venue_time = venue_time
        if self._last is None or (not self._suspects and self._is_near(quote.price, self._last)):
            self._last = quote.price
            return (quote,)
        return self._judge(quote, self._last)

    def _wrong(self, price: Decimal, venue_time: int | None) -> RefusedKind | None:
        if not price.is_finite() or price.adjusted() >= MOST_DIGITS:
            return "absurd"
        if price <= 0:
            return "zero" if price == 0 else "negative"
        if venue_time is None:
            return None
        if self._seen == (price, venue_time):
            return "duplicate"
        return "out_of_order" if venue_time < self._venue_time - OUT_OF_ORDER_NS else None

    def _judge(self, quote: Quote, last: Decimal) -> Sequence[Quote]:
        """Decide on a price while the market seems to have jumped away from the last one."""
        if self._confirms(quote.price, last):
            self._suspects.append(quote)
            if len(self._suspects) <= CONFIRMED_BY:
                return ()
            through, self._suspects, self._last = self._suspects, [], quote.price
            return through
        if self._suspects:
            self.refused["absurd"] += len(self._suspects)
            self._suspects = []
        if self._is_near(quote.price, last):
            self._last = quote.price
            return (quote,)
        self._suspects = [quote]
        return ()

    def _confirms(self, price: Decimal, last: Decimal) -> bool:
        """Whether a price belongs to the suspects rather than to the prices before them."""
        if not self._suspects:
            return False
        first = self._suspects[0].price
        return self._is_near(price, first) and abs(price - first) < abs(price - last)

    def _is_near(self, price: Decimal, other: Decimal) -> bool:
        return not self._jump or abs(price - other) <= other * self._jump
