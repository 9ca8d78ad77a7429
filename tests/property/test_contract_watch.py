"""A venue rolls its continuous symbol without a word: whatever comes when, no spread between contracts is ever a move.

The venue of these tests says what its three names cost, each in a message of its own, the continuous one early or late.
"""

import random
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from services.price_feed.market_hours import ALWAYS
from services.price_feed.sources.subscriptions import FeedRules, Subscriptions
from services.price_feed.sources.venue import VenueQuote
from shared.bus.tick_log import Heads
from shared.contracts_file import packaged_contracts
from shared.domain.quotes import Quote, Roll, SourceMessage

MNQ = packaged_contracts()["MNQ"]
WANTED = {"MNQ1!": MNQ}
OWN, OLD, NEW = "own", "MNQZ2026", "MNQH2027"
SECOND = 10**9
LOOK = SECOND // 2
LATEST = SECOND // 2  # a message comes at most so late


class StubVenue:
    def name_of(self, symbol: str, _contract: object, _at: int) -> str:
        return OWN if symbol == "MNQ1!" else symbol

    def contracts(self, *_: object) -> Sequence[str]:
        return OLD, NEW


class StubLine:
    venue = StubVenue()

    def want(self, names: set[str], beside: set[str]) -> None:
        assert (names, beside) == ({OWN}, {OLD, NEW})


class Source:
    """What VenueSource does with each message, without sockets and clocks."""

    def __init__(self, of_log: str | None) -> None:
        self.line: Any = StubLine()
        rules = FeedRules(jump_percent=Decimal(0), hours=lambda _: ALWAYS)
        heads = Heads(place=0, contracts={"MNQ1!": of_log} if of_log else {})
        self.ours = Subscriptions([self.line], rules, heads)
        self.said: list[tuple[int, SourceMessage]] = []
        self.look(0)

    def look(self, now: int) -> None:
        self.said += [(now, message) for message in self.ours.renew(WANTED, now)]

    def hear(self, at: int, name: str, price: Decimal) -> None:
        quote = VenueQuote(name=name, price=price)
        for symbol in self.ours.served[self.line].get(name, ()):
            self.said += [(at, message) for message in symbol.take(quote, at)]
        for watch in self.ours.compared[self.line].get(name, ()):
            self.said += [(at, message) for message in self.ours.hear(watch, quote, at)]

    @property
    def stands_for(self) -> str:
        return self.ours._watches["MNQ1!"].contract


Prices = Mapping[str, Decimal]


def played(seed: int, steps: int, rolled_at: int, of_log: str | None) -> tuple[Source, list[tuple[int, Prices]]]:
    """Play a market that rolls at a step and is quiet at its end; returns what each contract cost when."""
    chance = random.Random(seed)
    busy = chance.choice((SECOND // 50, SECOND, 10 * SECOND))
    at, level, spread = SECOND, 80_000, chance.choice((0, 1, 3, 800))
    messages: list[tuple[int, int, str, Decimal]] = []
    history: list[tuple[int, Prices]] = []
    for step in range(steps + 8):
        if step < steps:
            level += chance.randint(-2, 2)
            spread += chance.choice((0, 0, 0, 0, -1, 1))
        else:  # the end is quiet, and the contracts differ
            spread = spread or 2
        prices = {OLD: Decimal(level) / 4, NEW: Decimal(level + spread) / 4}
        history.append((at, prices))
        own = prices[NEW if step >= rolled_at else OLD]
        for number, (name, price) in enumerate(((OLD, prices[OLD]), (NEW, prices[NEW]), (OWN, own))):
            messages.append((at + chance.randint(0, LATEST), number, name, price))
        at += chance.randint(1, busy) if step < steps else SECOND
    source = Source(of_log)
    last = dict.fromkeys((OWN, OLD, NEW), Decimal(0))
    looked_at = 0
    for moment, _, name, price in sorted(messages):
        for look_at in range(looked_at + LOOK, moment + 1, LOOK):
            source.look(look_at)
            looked_at = look_at
        if price != last[name]:  # unchanged prices are not told
            last[name] = price
            source.hear(moment, name, price)
    for look_at in range(looked_at + LOOK, looked_at + 10 * LOOK, LOOK):
        source.look(look_at)
    return source, history


markets = {
    "seed": st.integers(0, 2**32),
    "steps": st.integers(1, 60),
    "rolled_at": st.integers(0, 60),
}


@given(**markets, of_log=st.sampled_from((None, OLD)))
def test_in_the_end_the_symbol_stands_for_the_contract_that_the_venue_means(
    seed: int, steps: int, rolled_at: int, of_log: str | None
) -> None:
    assume(not steps + 3 < rolled_at < steps + 8)  # too late to be found out before the end
    source, _ = played(seed, steps, rolled_at, of_log)
    assert source.stands_for == (NEW if rolled_at <= steps + 3 else OLD)


@given(**markets)
def test_prices_are_those_of_one_contract_and_of_the_other_only_after_the_mark(
    seed: int, steps: int, rolled_at: int
) -> None:
    source, history = played(seed, steps, rolled_at, OLD)
    told = {name: {prices[name] for _, prices in history} for name in (OLD, NEW)}
    contract = OLD
    for _, message in source.said:
        if isinstance(message, Roll):
            assert message.contract is not None
            contract = message.contract
        elif isinstance(message, Quote):
            assert message.price in told[contract]


@given(**markets)
def test_a_mark_moves_prices_by_what_lies_between_the_contracts_and_by_nothing_else(
    seed: int, steps: int, rolled_at: int
) -> None:
    source, _ = played(seed, steps, rolled_at, OLD)
    last, rolled = None, None
    for _, message in source.said:
        if isinstance(message, Roll):
            rolled = message.difference
        elif isinstance(message, Quote):
            if rolled and last is not None:
                assert message.price - last == rolled
            last, rolled = message.price, None
