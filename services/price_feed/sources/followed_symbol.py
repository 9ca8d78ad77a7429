"""One symbol on its way from a venue's messages to ticks and gap marks; who serves it is decided elsewhere."""

from collections.abc import Callable, Iterator
from decimal import Decimal

from services.price_feed.sources.price_filter import MOST_DIGITS, PriceFilter
from services.price_feed.sources.venue import VenueQuote
from shared.domain.contracts import Contract
from shared.domain.quotes import Gap, Quote, SourceMessage

NS_PER_SECOND = 1_000_000_000

OpenTime = Callable[[int, int], int]


class FollowedSymbol:
    """Rounds prices to the tick size, has them filtered, and knows since when nobody saw the market.

    `open_time` tells how many nanoseconds of a stretch the market was open: what nobody sees while it is closed is
    no gap.
    """

    def __init__(self, symbol: str, contract: Contract, prices: PriceFilter, open_time: OpenTime) -> None:
        self.symbol = symbol
        self.contract = contract
        self.prices = prices
        self.delay_seconds: int | None = 0
        self.heard_at: int | None = None
        self._tick_size = contract.tick_size
        self._open_time = open_time
        self._blind_since: int | None = None

    def lose_sight(self, since: int) -> None:
        """Remember that what happens from `since` on (ns) is not seen, until something of the symbol is heard."""
        if self._blind_since is None or since < self._blind_since:
            self._blind_since = since

    def take(self, quote: VenueQuote, received_at: int) -> Iterator[SourceMessage]:
        """Turn a price that came at `received_at` into what belongs into the log."""
        if self._blind_since is not None:
            yield from self._end_gap(self._blind_since, received_at)
        self.heard_at = received_at
        yield from self.prices.sift(self._rounded(quote, received_at), quote.venue_time)

    def notice(self, received_at: int) -> Iterator[SourceMessage]:
        """Take a message that is no price: the feed lives."""
        if self._blind_since is not None:
            yield from self._end_gap(self._blind_since, received_at)
        self.heard_at = received_at

    def miss(self) -> None:
        """Note that messages since the last one were lost."""
        if self.heard_at is not None:
            self.lose_sight(self.heard_at)

    def _end_gap(self, since: int, until: int) -> Iterator[Gap]:
        self._blind_since = None
        unseen = self._open_time(since, until)
        if unseen > 0:
            yield Gap(symbol=self.symbol, occurred_at=until, gap_seconds=Decimal(unseen) / NS_PER_SECOND)

    def _rounded(self, quote: VenueQuote, received_at: int) -> Quote:
        return Quote(
            symbol=self.symbol,
            occurred_at=received_at,
            price=self._to_tick(quote.price),
            bid=None if quote.bid is None else self._to_tick(quote.bid),
            ask=None if quote.ask is None else self._to_tick(quote.ask),
            size=quote.size,
        )

    def _to_tick(self, price: Decimal) -> Decimal:
        """Round to the nearest multiple of the tick size; what is no number stays what it is."""
        if not price.is_finite() or price.adjusted() >= MOST_DIGITS:
            return price
        return (price / self._tick_size).to_integral_value() * self._tick_size
