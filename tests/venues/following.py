"""A source of live prices as the feed uses it, with what it has said so far."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal

from services.price_feed.market_hours import ALWAYS
from services.price_feed.sources.subscriptions import FeedRules
from services.price_feed.sources.venue import Venue
from services.price_feed.sources.venue_source import VenueSource
from shared.bus.tick_log import Heads
from shared.contracts_file import packaged_contracts
from shared.domain.contracts import Contract
from shared.domain.quotes import Gap, Quote, Roll, SourceMessage
from tests.venues.plain_venue import PlainServer

WITHIN_SECONDS = 10.0
MNQ = packaged_contracts()["MNQ"]


class Following:
    """A source with what it has said so far, and the symbols it is wanted for."""

    def __init__(
        self,
        *venues: Venue,
        symbols: Mapping[str, Contract] | None = None,
        heads: Heads | None = None,
    ) -> None:
        self.wanted: Mapping[str, Contract] = {"MNQ1!": MNQ} if symbols is None else symbols
        rules = FeedRules(hours=lambda _: ALWAYS)
        self.source = VenueSource(venues, lambda: self.wanted, heads=heads, rules=rules)
        self.said: list[SourceMessage] = []

    def until(self, holds: Callable[[], bool], within: float = WITHIN_SECONDS) -> None:
        deadline = time.monotonic() + within
        while not holds():
            assert time.monotonic() < deadline, self.said
            self.said += self.source.next_batch(0.02)

    def prices(self, symbol: str = "MNQ1!") -> list[Decimal]:
        return [each.price for each in self.said if isinstance(each, Quote) and each.symbol == symbol]

    def gaps(self, symbol: str = "MNQ1!") -> list[Gap]:
        return [each for each in self.said if isinstance(each, Gap) and each.symbol == symbol]

    def rolls(self, symbol: str = "MNQ1!") -> list[tuple[Decimal, str | None]]:
        """The rolls so far: by how much, and to which contract."""
        rolls = (each for each in self.said if isinstance(each, Roll) and each.symbol == symbol)
        return [(each.difference, each.contract) for each in rolls]

    def hears(self, server: PlainServer, price: str, name: str = "mnq1!") -> None:
        """Have the venue say a price once it is followed there, and wait until it is here."""
        self.until(lambda: name in server.followed)
        before = len(self.said)
        server.say(f"price {name} {price}")
        self.until(lambda: any(isinstance(each, Quote) for each in self.said[before:]))


@contextmanager
def following(
    *venues: Venue,
    symbols: Mapping[str, Contract] | None = None,
    heads: Heads | None = None,
) -> Iterator[Following]:
    following = Following(*venues, symbols=symbols, heads=heads)
    try:
        yield following
    finally:
        following.source.close()
