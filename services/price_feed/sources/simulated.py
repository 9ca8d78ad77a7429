"""A market made of a seed: calm, busy and wild stretches, quiet spells and gaps at reopening; it has no clock."""

import heapq
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from shared.domain.quotes import Quote
from shared.domain.timestamps import NS_PER_SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One symbol of the market; prices are whole numbers of `tick_size`, and return slowly to `home`."""

    symbol: str
    tick_size: Decimal
    home: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """A way the market behaves for a while: updates a second, and the widest step of one in price increments."""

    name: str
    weight: int
    rate: float
    widest_step: int
    seconds: tuple[int, int]


INSTRUMENTS = (
    Instrument(symbol="MNQ1!", tick_size=Decimal("0.25"), home=Decimal(21500)),
    Instrument(symbol="MES1!", tick_size=Decimal("0.25"), home=Decimal(6000)),
    Instrument(symbol="MGC1!", tick_size=Decimal("0.1"), home=Decimal(3300)),
)
QUIET = Regime(name="quiet", weight=2, rate=0, widest_step=0, seconds=(4, 12))
CLOSED = Regime(name="closed", weight=1, rate=0, widest_step=0, seconds=(8, 20))
REGIMES = (
    Regime(name="calm", weight=8, rate=4, widest_step=1, seconds=(15, 45)),
    Regime(name="busy", weight=6, rate=12, widest_step=2, seconds=(10, 40)),
    Regime(name="wild", weight=2, rate=30, widest_step=4, seconds=(4, 12)),
    QUIET,
    CLOSED,
)
OPENING_GAP_STEPS = (8, 60)
HOMESICKNESS = 0.0004  # how much likelier a step towards home is, for each increment away from it
STRONGEST_PULL = 0.3
LARGEST_SIZE = 12


def simulated_quotes(seed: int, last_prices: Mapping[str, Decimal] | None = None) -> Iterator[Quote]:
    """All instruments' quotes without end, in the order of their times, which count from 0.

    The same seed and last prices give the same market; an instrument goes on from its last price, if it has one.
    """
    known = last_prices or {}
    return heapq.merge(
        *(_instrument_quotes(each, seed, known.get(each.symbol, each.home)) for each in INSTRUMENTS),
        key=lambda quote: quote.occurred_at,
    )


def _instrument_quotes(instrument: Instrument, seed: int, last_price: Decimal) -> Iterator[Quote]:
    # A text seeds all versions and machines alike; a symbol's market does not depend on the others'.
    chance = random.Random(f"{seed} {instrument.symbol}")  # noqa: S311 - a market, not a secret
    home = int(instrument.home / instrument.tick_size)
    increments = int(last_price / instrument.tick_size)
    regime, ends_at, at = REGIMES[1], 20.0, 0.0
    while True:
        wait = chance.expovariate(regime.rate) if regime.rate else ends_at - at
        if at + wait >= ends_at:
            at, was = ends_at, regime
            regime = chance.choices(REGIMES, [each.weight for each in REGIMES])[0]
            ends_at = at + chance.uniform(*regime.seconds)
            if was is CLOSED:
                increments += chance.choice((-1, 1)) * chance.randint(*OPENING_GAP_STEPS)
                yield _quote(instrument, at, increments, chance)
            continue
        at += wait
        increments += _step(chance, regime, increments - home)
        yield _quote(instrument, at, increments, chance)


def _step(chance: random.Random, regime: Regime, away: int) -> int:
    pull = min(STRONGEST_PULL, HOMESICKNESS * abs(away))
    towards_home = -1 if away > 0 else 1
    direction = towards_home if chance.random() < (1 + pull) / 2 else -towards_home
    return direction * chance.randint(0, regime.widest_step)


def _quote(instrument: Instrument, at: float, increments: int, chance: random.Random) -> Quote:
    price = increments * instrument.tick_size
    side = chance.choice((-1, 1))  # the last trade was at the ask or at the bid
    other = price - side * instrument.tick_size
    return Quote(
        symbol=instrument.symbol,
        occurred_at=int(at * NS_PER_SECOND),
        price=price,
        bid=min(price, other),
        ask=max(price, other),
        size=Decimal(chance.randint(1, LARGEST_SIZE)),
    )
