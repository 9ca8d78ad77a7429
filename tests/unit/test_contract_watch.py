"""Which contract a continuous symbol stands for, told by prices alone, message by message."""

from decimal import Decimal

from services.price_feed.sources.contract_watch import LOST_AFTER_NS, SETTLED_AFTER_NS, SURE_AFTER_NS, ContractWatch
from services.price_feed.sources.venue import VenueQuote

OWN, OLD, NEW = "own", "old", "new"
CONTRACTS = {OLD: "MNQZ2026", NEW: "MNQH2027"}
SURE, LOST = SURE_AFTER_NS, LOST_AFTER_NS


def watch(of_log: str = "MNQZ2026") -> ContractWatch:
    return ContractWatch("MNQ1!", OWN, CONTRACTS, of_log)


def hear(watch: ContractWatch, at: int, **prices: int) -> str | None:
    for name, price in prices.items():
        watch.hear(VenueQuote(name=name, price=Decimal(price)), Decimal(price), at)
    return watch.successor(at)


def test_the_contract_that_the_log_is_of_serves_at_first() -> None:
    assert watch("MNQH2027").contract == "MNQH2027"
    assert watch("MNQM2027").contract == watch("MNQ1!").contract == "MNQ1!"


def test_one_that_agrees_for_two_seconds_while_the_serving_one_does_not_takes_over() -> None:
    ours = watch()
    assert hear(ours, 1, own=100, old=90, new=100) is None
    assert ours.successor(SURE) is None
    assert ours.successor(SURE + 1) == NEW
    assert ours.hand_over(NEW) == 10
    assert ours.contract == "MNQH2027"
    assert ours.successor(2 * SURE + 2) is None


def test_in_a_quick_market_it_waits_for_a_moment_of_rest_but_not_for_long() -> None:
    ours = watch()
    for at in range(0, 2 * SURE, SETTLED_AFTER_NS - 1):
        assert hear(ours, at, old=90 + at % 2, new=100, own=100) is None
    assert hear(ours, 2 * SURE, old=90, new=100, own=100) == NEW
    ours = watch()
    assert hear(ours, 1, old=90, new=100, own=100) is None
    assert hear(ours, SURE + 1, old=91, new=100, own=100) is None
    assert ours.successor(SURE + 1 + SETTLED_AFTER_NS) == NEW
    assert ours.hand_over(NEW) == 9


def test_whoever_agrees_by_chance_does_not_take_over_from_one_that_agrees_soon_after() -> None:
    ours = watch()
    assert hear(ours, 1, old=99, new=100, own=100) is None
    assert hear(ours, SURE, old=100) is None
    assert hear(ours, SURE + 2, own=101, old=100, new=101) is None
    assert hear(ours, 2 * SURE, old=101) is None


def test_nothing_is_found_out_while_contracts_cost_the_same() -> None:
    for ours in (watch(), watch("MNQ1!")):
        assert hear(ours, 1, own=100, old=100, new=100) is None
        assert ours.successor(10 * LOST) is None


def test_of_a_contract_that_nobody_offers_the_continuous_symbol_serves_after_a_while() -> None:
    ours = watch()
    assert hear(ours, 1, own=100, old=90, new=95) is None
    assert ours.successor(LOST) is None
    assert ours.successor(LOST + 1) == OWN
    assert ours.hand_over(OWN) == 10
    assert ours.successor(3 * LOST) is None


def test_what_a_lost_connection_said_proves_nothing() -> None:
    ours = watch()
    assert hear(ours, 1, own=100, old=90, new=100) is None
    ours.forget()
    assert ours.successor(2 * LOST) is None
    assert hear(ours, 2 * LOST, own=100) is None
    assert hear(ours, 2 * LOST + 1, new=100) is None
    assert ours.successor(2 * LOST + 1 + SURE) == NEW
    assert ours.hand_over(NEW) is None
