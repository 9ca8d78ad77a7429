from collections import Counter, defaultdict
from decimal import Decimal
from itertools import islice, pairwise, takewhile

import pytest

from services.price_feed.sources.simulated import INSTRUMENTS, NS_PER_SECOND, Instrument, simulated_quotes
from shared.domain.quotes import Quote

HALF_AN_HOUR = 1800 * NS_PER_SECOND


@pytest.fixture(scope="module")
def session() -> list[Quote]:
    return list(takewhile(lambda quote: quote.occurred_at < HALF_AN_HOUR, simulated_quotes(7)))


@pytest.fixture(scope="module")
def by_symbol(session: list[Quote]) -> dict[str, list[Quote]]:
    symbols: dict[str, list[Quote]] = defaultdict(list)
    for quote in session:
        symbols[quote.symbol].append(quote)
    return symbols


def test_the_same_seed_gives_the_same_market() -> None:
    assert list(islice(simulated_quotes(1), 500)) == list(islice(simulated_quotes(1), 500))
    assert list(islice(simulated_quotes(1), 500)) != list(islice(simulated_quotes(2), 500))


def test_times_never_go_back(session: list[Quote]) -> None:
    assert all(one.occurred_at <= other.occurred_at for one, other in pairwise(session))


def test_three_futures_trade_a_few_to_some_tens_of_times_a_second(by_symbol: dict[str, list[Quote]]) -> None:
    assert set(by_symbol) == {"MNQ1!", "MES1!", "MGC1!"}
    for quotes in by_symbol.values():
        assert 2 < len(quotes) / 1800 < 30
        busiest = max(Counter(quote.occurred_at // NS_PER_SECOND for quote in quotes).values())
        assert 20 < busiest < 80


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda each: each.symbol)
def test_prices_lie_on_the_grid_between_bid_and_ask(by_symbol: dict[str, list[Quote]], instrument: Instrument) -> None:
    for quote in by_symbol[instrument.symbol]:
        assert quote.bid is not None
        assert quote.ask is not None
        assert quote.size is not None
        assert quote.price % instrument.tick_size == 0
        assert quote.ask - quote.bid == instrument.tick_size
        assert quote.price in {quote.bid, quote.ask}
        assert quote.size >= 1


def test_there_are_quiet_spells_opening_gaps_and_stretches_of_different_volatility(
    by_symbol: dict[str, list[Quote]],
) -> None:
    quotes = by_symbol["MNQ1!"]
    silences = [(other.occurred_at - one.occurred_at) / NS_PER_SECOND for one, other in pairwise(quotes)]
    steps = [abs(other.price - one.price) for one, other in pairwise(quotes)]
    after_silence = [step for silence, step in zip(silences, steps, strict=True) if silence > 4]
    assert max(silences) > 8
    assert max(after_silence) >= 8 * Decimal("0.25")
    assert {Decimal(0), Decimal("0.25"), Decimal("0.5"), Decimal(1)} <= set(steps)


def test_prices_stay_near_home(by_symbol: dict[str, list[Quote]]) -> None:
    for instrument in INSTRUMENTS:
        assert all(abs(q.price / instrument.home - 1) < Decimal("0.1") for q in by_symbol[instrument.symbol])


def test_a_market_goes_on_from_its_last_prices() -> None:
    first = next(quote for quote in simulated_quotes(3, {"MGC1!": Decimal("3000.0")}) if quote.symbol == "MGC1!")
    assert abs(first.price - 3000) <= Decimal("0.4")
