"""The market of a run: a file of ticks for the replay feed, from a day of real ones where it is at hand."""

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

REAL_DAY = Path(__file__).parents[3] / "shared" / "data" / "ticks" / "eurusd_2014-05-02.csv"
START = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)  # the feed shifts it to now
WALK_TICKS = 40_000
WALK_STEP = 0.000012
AMPLIFIED = 3  # a quiet day of a currency moves as much as an index does


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """A symbol of the run: the grid of its prices and where they begin."""

    symbol: str
    start: Decimal
    tick_size: Decimal

    def price(self, relative: float) -> Decimal:
        """The price that is this much of the first one, on the grid."""
        return round(Decimal(relative) * self.start / self.tick_size) * self.tick_size


MARKETS = (
    Market(symbol="EURUSD", start=Decimal("1.386995"), tick_size=Decimal("0.000005")),
    Market(symbol="MNQ1!", start=Decimal("25600.25"), tick_size=Decimal("0.25")),
    Market(symbol="MES1!", start=Decimal("6950.50"), tick_size=Decimal("0.25")),
    Market(symbol="MGC1!", start=Decimal("4080.1"), tick_size=Decimal("0.1")),
    Market(symbol="MCL1!", start=Decimal("60.25"), tick_size=Decimal("0.01")),
    Market(symbol="BTCUSD", start=Decimal("86250.50"), tick_size=Decimal("0.01")),
)


def write_market(path: Path, *, seed: int, seconds: float, ticks_per_second: float) -> str:
    """Write the file; returns where its shape is from."""
    shape, source = _shape(seed)
    chance = random.Random(f"market {seed}")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("time", "symbol", "price"))
        writer.writerows(_rows(shape, chance, seconds, ticks_per_second))
    return source


def _rows(
    shape: Sequence[float], chance: random.Random, seconds: float, ticks_per_second: float
) -> Iterator[tuple[str, str, str]]:
    """Ticks in bunches as on a real market; every symbol goes through the day from a moment of its own."""
    at = {market.symbol: chance.randrange(len(shape)) for market in MARKETS}
    first = {market.symbol: shape[at[market.symbol]] for market in MARKETS}
    moment = 0.0
    while moment < seconds:
        market = chance.choice(MARKETS)
        relative = shape[at[market.symbol] % len(shape)] / first[market.symbol]
        at[market.symbol] += 1
        price = market.price(1 + (relative - 1) * AMPLIFIED)
        time = (START + timedelta(seconds=moment)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        yield time, market.symbol, format(price, "f")
        moment += 0.0 if chance.random() < 0.2 else chance.expovariate(0.8 * ticks_per_second)


def _shape(seed: int) -> tuple[list[float], str]:
    if REAL_DAY.exists():
        with REAL_DAY.open(encoding="utf-8", newline="") as file:
            return [float(row["price"]) for row in csv.DictReader(file) if row["price"]], "a real day of EURUSD"
    chance = random.Random(f"walk {seed}")
    prices = [1.0]
    for _ in range(WALK_TICKS):
        prices.append(prices[-1] * (1 + chance.gauss(0, WALK_STEP)))
    return prices, "a random walk"
