"""Positions by the thousand in the symbols of a market, for the TP/SL workers of a stand to watch."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence

from cli.bench.holdings import add_recorders, analyze, hold
from cli.bench.market import SYMBOLS, Market
from cli.bench.positions import MIDDLE, TICK, opened, ticks_away, varied_positions
from cli.bench.stand import Stand, wait_until
from shared.domain.exit_rules import ExitRules
from shared.domain.position import Position
from shared.domain.quotes import Quote

PROTOTYPES = 200
WATCHED_WITHIN_SECONDS = 240.0
STILL_FOR_SECONDS = 0.5


class WatchedMarket:
    """A market in which `most` positions at most are open in each symbol, each of a recorder of its own."""

    def __init__(self, stand: Stand, most: int) -> None:
        self.market = Market(stand.redis)
        self.positions = 0
        self._stand = stand
        self._owners = add_recorders(stand.engine, most)
        self._open: Counter[str] = Counter()

    def open_varied(self, per_symbol: int) -> None:
        """Open so many more in every symbol; walks of the market do not reach their exits."""
        for symbol in SYMBOLS:
            prototypes = varied_positions(symbol, min(per_symbol, PROTOTYPES), place=self.market.place)
            self._hold(symbol, list(prototypes), per_symbol)

    def open_stopped(self, symbol: str, stops: Iterable[int], *, copies: int = 1) -> list[int]:
        """Open positions whose stops are so many ticks below the middle; their ids."""
        place = self.market.place
        positions = [opened(symbol, MIDDLE, ExitRules(stop=ticks_away(stop)), place=place) for stop in stops]
        return self._hold(symbol, positions, copies * len(positions))

    def stop_out(self, symbol: str, stop: int) -> Quote:
        """Quote the price that reaches a stop so many ticks below the middle."""
        return self.market.quote(symbol, MIDDLE - stop * TICK)

    def wait_until_watched(self, *, workers: int = 1) -> None:
        """Wait until so many workers hold every position, in shares as even as they get, and a moment longer."""
        analyze(self._stand.engine)
        wait_until(lambda: self._is_watched(workers), "every position watched", WATCHED_WITHIN_SECONDS)
        time.sleep(STILL_FOR_SECONDS)

    def _hold(self, symbol: str, positions: Sequence[Position], count: int) -> list[int]:
        owners = self._owners[self._open[symbol] :][:count]
        ids = hold(self._stand.engine, owners, positions)
        self._open[symbol] += len(ids)
        self.positions += len(ids)
        return ids

    def _is_watched(self, workers: int) -> bool:
        beats = self._stand.heartbeats("tpsl_worker")
        shares = [int(beat.facts["symbols"]) for beat in beats]
        is_even = len(shares) == workers and max(shares) - min(shares) <= 1
        return is_even and sum(int(beat.facts["positions"]) for beat in beats) == self.positions
