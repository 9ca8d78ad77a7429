"""A market of twenty symbols: random walks near the middle, published as the price feed does it."""

import time
from collections.abc import Sequence
from decimal import Decimal
from itertools import cycle, islice
from random import Random

from cli.bench.positions import MIDDLE, NEAR_TICKS, TICK
from shared.bus.connection import RedisClient
from shared.bus.publisher import SourceLease, TickPublisher
from shared.domain.quotes import Quote
from shared.domain.symbols import MONTH_CODES

SYMBOLS = [f"MNQ{month}{year}" for year in (2027, 2028) for month in MONTH_CODES][:20]
BATCH = 200
RETENTION_SECONDS = 3600


class Market:
    """The only publisher of the log."""

    def __init__(self, client: RedisClient) -> None:
        """Claim the log and publish each symbol's first tick, at the middle; `place` is that of the last."""
        epoch = SourceLease(client, "bench", "bench").claim()
        if epoch is None:
            raise RuntimeError("the log of the bench has another publisher")
        self._publisher = TickPublisher(client, source="bench", epoch=epoch, retention_seconds=RETENTION_SECONDS)
        self._offsets = dict.fromkeys(SYMBOLS, 0)
        self._rng = Random("market")  # noqa: S311 - the same one in every run
        self._turns = cycle(SYMBOLS)
        self.place = 0
        self.publish([self.quote(symbol, MIDDLE) for symbol in SYMBOLS])

    def quote(self, symbol: str, price: Decimal) -> Quote:
        """Quote a price as of now."""
        return Quote(symbol=symbol, occurred_at=time.time_ns(), price=price)

    def walk(self, count: int) -> list[Quote]:
        """Take so many steps, each symbol in its turn, never further than NEAR_TICKS from the middle."""
        return [self._step(symbol) for symbol in islice(self._turns, count)]

    def publish(self, quotes: Sequence[Quote]) -> None:
        """Publish as fast as it goes, in batches as a busy feed makes them."""
        for start in range(0, len(quotes), BATCH):
            self.place = self._publisher.append(quotes[start : start + BATCH])[-1]

    def _step(self, symbol: str) -> Quote:
        offset = self._offsets[symbol] + self._rng.choice((-1, 1))
        self._offsets[symbol] = max(-NEAR_TICKS, min(NEAR_TICKS, offset))
        return self.quote(symbol, MIDDLE + self._offsets[symbol] * TICK)
