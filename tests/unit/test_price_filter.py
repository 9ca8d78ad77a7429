"""What cannot be a price stays out of the log, and is counted."""

from collections.abc import Iterable
from decimal import Decimal

import pytest

from services.price_feed.sources.price_filter import NS_PER_SECOND, PriceFilter
from shared.domain.quotes import Quote

NOW = 1_800_000_000 * NS_PER_SECOND


def quote(price: str, at: int = NOW) -> Quote:
    return Quote(symbol="MNQ1!", occurred_at=at, price=Decimal(price))


def sifted(prices: PriceFilter, texts: Iterable[str]) -> list[list[str]]:
    """What is let through at each of these prices."""
    return [[str(each.price) for each in prices.sift(quote(text), None)] for text in texts]


def filter_at(price: str | None, percent: int = 5) -> PriceFilter:
    return PriceFilter(Decimal(percent), None if price is None else Decimal(price))


@pytest.mark.parametrize(
    ("price", "kind"),
    [
        ("0", "zero"),
        ("0.00", "zero"),
        ("-1", "negative"),
        ("NaN", "absurd"),
        ("sNaN", "absurd"),
        ("Infinity", "absurd"),
        ("1e12", "absurd"),
        ("1e400", "absurd"),
    ],
)
def test_what_is_no_price_is_refused_even_as_the_first(price: str, kind: str) -> None:
    prices = filter_at(None)
    assert sifted(prices, [price, "100"]) == [[], ["100"]]
    assert prices.refused == {kind: 1}


def test_the_first_price_of_all_is_believed() -> None:
    assert sifted(filter_at(None), ["100"]) == [["100"]]


def test_a_price_at_the_edge_of_the_band_passes() -> None:
    assert sifted(filter_at("100"), ["105", "99.75"]) == [["105"], ["99.75"]]


def test_a_jump_waits_for_two_that_confirm_it_and_passes_with_them_in_order() -> None:
    prices = filter_at("100")
    assert sifted(prices, ["106", "107", "105.5", "106"]) == [[], [], ["106", "107", "105.5"], ["106"]]
    assert prices.refused == {}


def test_a_jump_that_the_next_price_takes_back_is_absurd() -> None:
    prices = filter_at("100")
    assert sifted(prices, ["1000", "100.25"]) == [[], ["100.25"]]
    assert prices.refused == {"absurd": 1}


def test_a_return_half_way_counts_for_the_side_it_is_nearer_to() -> None:
    prices = filter_at("100")
    assert sifted(prices, ["106", "102", "106", "104", "104"]) == [[], ["102"], ["106"], ["104"], ["104"]]
    assert prices.refused == {"absurd": 1}


def test_one_absurd_price_after_another_confirms_nothing() -> None:
    prices = filter_at("100")
    assert sifted(prices, ["1000", "5", "1000", "5", "100"]) == [[], [], [], [], ["100"]]
    assert prices.refused == {"absurd": 4}


def test_a_confirmation_that_breaks_off_is_absurd_as_a_whole() -> None:
    prices = filter_at("100")
    assert sifted(prices, ["1000", "1001", "100"]) == [[], [], ["100"]]
    assert prices.refused == {"absurd": 2}


def test_without_a_band_every_price_passes() -> None:
    assert sifted(filter_at("100", percent=0), ["1000", "1"]) == [["1000"], ["1"]]


def test_the_same_price_of_the_same_moment_is_a_duplicate() -> None:
    prices = filter_at("100")
    at = [NOW, NOW, NOW + 1]
    assert [len(prices.sift(quote("100"), moment)) for moment in at] == [1, 0, 1]
    assert prices.refused == {"duplicate": 1}


def test_a_suspect_does_not_confirm_itself() -> None:
    prices = filter_at("100")
    assert [len(prices.sift(quote("1000"), NOW)) for _ in range(4)] == [0, 0, 0, 0]
    assert prices.refused == {"duplicate": 3}


def test_a_price_from_before_the_last_one_is_out_of_order_beyond_a_second() -> None:
    prices = filter_at("100")
    moments = [NOW, NOW - NS_PER_SECOND, NOW - NS_PER_SECOND - 1, NOW]
    assert [len(prices.sift(quote("100.25"), moment)) for moment in moments] == [1, 1, 0, 1]
    assert prices.refused == {"out_of_order": 1}


def test_a_venue_time_in_the_future_does_not_close_the_door() -> None:
    prices = filter_at("100")
    assert len(prices.sift(quote("100"), NOW + 3600 * NS_PER_SECOND)) == 1
    assert len(prices.sift(quote("101"), NOW)) == 1
