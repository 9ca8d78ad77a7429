"""One symbol on its way from a venue's messages to ticks and gap marks; who serves it is decided elsewhere."""

from collections.abc import Sequence
from decimal import Decimal

from services.price_feed.market_hours import MarketHours
from services.price_feed.sources.coming_roll import ComingRoll
from services.price_feed.sources.price_filter import MOST_DIGITS, PriceFilter
from services.price_feed.sources.venue import VenueQuote
from shared.domain.contracts import Contract
from shared.domain.quotes import Gap, Quote, Roll, SourceMessage
from shared.domain.timestamps import NS_PER_SECOND, NS_PER_US

OLD_NS = 60 * NS_PER_SECOND
SHORTEST_GAP_NS = NS_PER_US


class FollowedSymbol:
    """Rounds prices to the tick size, has them filtered, and knows since when nobody saw the market.

    What nobody sees while the market is closed is no gap.
    """

    def __init__(
        self,
        symbol: str,
        contract: Contract,
        prices: PriceFilter,
        hours: MarketHours,
        followed_since: int,
        stands_for: str | None = None,
    ) -> None:
        self.symbol = symbol
        self.stands_for = stands_for or symbol
        self.contract = contract
        self.prices = prices
        self.hours = hours
        self.delay_seconds: int | None = 0
        self.heard_at: int | None = None
        self.is_stale = False
        self._followed_since = followed_since
        self._tick_size = contract.tick_size
        self._blind_since: int | None = None
        self._is_snapshot_due = True
        self._roll: ComingRoll | None = None

    @property
    def dated_symbol(self) -> str | None:
        """The contract whose prices are taken, as far as anybody knows."""
        contract = self._roll.contract if self._roll else self.stands_for
        return None if contract == self.symbol else contract

    @property
    def is_blind(self) -> bool:
        """Whether something happens, or may, that nobody sees."""
        return self._blind_since is not None

    def correct(self, contract: Contract, hours: MarketHours) -> None:
        """Go by other facts of the contract from now on; what is known of the market stays."""
        self.contract, self.hours, self._tick_size = contract, hours, contract.tick_size

    def stand_for(self, contract: str, difference: Decimal | None = None) -> None:
        """Take prices of this dated contract from now on, and tell of the roll before the first one.

        It is higher by `difference`; without one, its first price stands where the last one before stood. The symbol
        itself stands for a contract that nobody knows.
        """
        coming = self._roll
        if contract == (coming.contract if coming else self.stands_for):
            return
        if difference is None and self.stands_for == self.symbol:
            difference = Decimal(0)
        last = None if difference == 0 else self.prices.begin_anew()
        self._roll = coming.on_to(contract, difference) if coming else ComingRoll(contract, difference, last)

    def take_back(self, roll: Roll) -> None:
        """Prepare again for a roll that never came into the log."""
        coming = self._roll or ComingRoll(self.stands_for, Decimal(0), None)
        self._roll = coming.after(roll.difference)

    def lose_sight(self, since: int) -> None:
        """Remember that what happens from `since` on (ns) is not seen, until something of the symbol is heard."""
        self._is_snapshot_due = True
        if self._blind_since is None or since < self._blind_since:
            self._blind_since = since

    def take(self, quote: VenueQuote, received_at: int) -> Sequence[SourceMessage]:
        """Turn a price that came at `received_at` into what belongs into the log."""
        gap = self.notice(received_at)
        if self._is_snapshot_due:
            self._is_snapshot_due = False
            if self._is_old(quote, received_at):
                self.prices.refused["old"] += 1
                return gap
        quotes = self.prices.sift(self._rounded(quote, received_at), quote.venue_time)
        if quotes and self._roll is not None:
            return [*gap, self._tell_roll(self._roll, quotes[0]), *quotes]
        return [*gap, *quotes] if gap else quotes

    def notice(self, received_at: int) -> Sequence[SourceMessage]:
        """Take any sign of life of the symbol's feed: a gap ends with it."""
        self.heard_at = received_at
        self.is_stale = False
        return () if self._blind_since is None else self._end_gap(self._blind_since, received_at)

    def watch(self, now: int, patience: int) -> None:
        """Find the symbol stale if its market was open for `patience` (ns) since it was last heard of."""
        last = max(self.heard_at or 0, self._followed_since)
        if not self.is_stale and now - last >= patience and self.hours.open_time(last, now) >= patience:
            self.is_stale = True
            self.lose_sight(last)

    def miss(self) -> None:
        """Note that messages since the last one were lost."""
        if self.heard_at is not None:
            self.lose_sight(self.heard_at)

    def _end_gap(self, since: int, until: int) -> Sequence[Gap]:
        self._blind_since = None
        since = min(since, until - SHORTEST_GAP_NS)  # messages before and after lost ones may come in one read
        unseen = self.hours.open_time(since, until)
        if unseen <= 0:
            return ()
        return [Gap(symbol=self.symbol, occurred_at=until, gap_seconds=Decimal(unseen) / NS_PER_SECOND)]

    def _tell_roll(self, coming: ComingRoll, first: Quote) -> Roll:
        self._roll, self.stands_for = None, coming.contract
        difference = coming.difference_at(first.price)
        return Roll(symbol=self.symbol, occurred_at=first.occurred_at, difference=difference, contract=coming.contract)

    def _is_old(self, quote: VenueQuote, received_at: int) -> bool:
        """Whether the price that a connection begins with is that of a market which has closed since."""
        if quote.venue_time is None or self.hours.is_open(received_at):
            return False
        return received_at - quote.venue_time > OLD_NS + (self.delay_seconds or 0) * NS_PER_SECOND

    def _rounded(self, quote: VenueQuote, received_at: int) -> Quote:
        return Quote(
            symbol=self.symbol,
            occurred_at=received_at,
            price=self.to_tick(quote.price),
            bid=None if quote.bid is None else self.to_tick(quote.bid),
            ask=None if quote.ask is None else self.to_tick(quote.ask),
            size=quote.size,
        )

    def to_tick(self, price: Decimal) -> Decimal:
        """Round to the nearest multiple of the tick size; what is no number stays what it is."""
        if not price.is_finite() or price.adjusted() >= MOST_DIGITS:
            return price
        return (price / self._tick_size).to_integral_value() * self._tick_size
