from collections.abc import Sequence
from decimal import Decimal

from services.price_feed.sources.paced import NS_PER_SECOND, PacedSource
from shared.domain.quotes import Gap, Quote, SourceMessage

NOON = 1_767_268_800 * NS_PER_SECOND + 123  # not a whole microsecond


class Clock:
    """Time that passes only while someone sleeps."""

    def __init__(self) -> None:
        self.now = NOON

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * NS_PER_SECOND)


def quotes(*seconds: float) -> list[SourceMessage]:
    return [
        Quote(symbol="A", occurred_at=round(at * NS_PER_SECOND), price=Decimal(number))
        for number, at in enumerate(seconds)
    ]


def paced(messages: Sequence[SourceMessage], clock: Clock, speed: str = "1") -> PacedSource:
    return PacedSource(iter(messages), speed=Decimal(speed), now_ns=lambda: clock.now, sleep=clock.sleep)


def prices(batch: Sequence[SourceMessage]) -> list[int]:
    return [int(message.price) for message in batch if isinstance(message, Quote)]


def test_the_first_message_is_due_at_once_and_the_others_as_long_after_it_as_they_were() -> None:
    clock = Clock()
    source = paced(quotes(1000, 1000.5, 1002), clock)
    out = [*source.next_batch(5), *source.next_batch(5), *source.next_batch(5)]
    assert prices(out) == [0, 1, 2]
    began = NOON // 1000 * 1000
    assert [message.occurred_at - began for message in out] == [0, NS_PER_SECOND // 2, 2 * NS_PER_SECOND]
    assert source.ended


def test_speed_compresses_the_time_between() -> None:
    clock = Clock()
    source = paced(quotes(0, 60, 90), clock, speed="60")
    out = [*source.next_batch(5), *source.next_batch(5), *source.next_batch(5)]
    assert [out[2].occurred_at - out[1].occurred_at, clock.now - NOON] == [NS_PER_SECOND // 2, 3 * NS_PER_SECOND // 2]


def test_it_waits_no_longer_than_it_may() -> None:
    clock = Clock()
    source = paced(quotes(0, 60), clock)
    source.next_batch(1)
    assert source.next_batch(0.25) == []
    assert clock.now == NOON + NS_PER_SECOND // 4


def test_what_is_due_comes_together_but_at_most_two_hundred_at_once() -> None:
    clock = Clock()
    source = paced(quotes(*range(500)), clock, speed="1000000000")
    source.next_batch(1)
    clock.sleep(1)
    assert [len(source.next_batch(1)) for _ in range(3)] == [200, 200, 99]


def test_after_an_outage_it_goes_on_from_where_it_was() -> None:
    clock = Clock()
    source = paced(quotes(0, 1, 2), clock)
    source.next_batch(1)
    clock.sleep(600)
    source.resume()
    resumed_at = clock.now
    out = [*source.next_batch(5), *source.next_batch(5)]
    assert prices(out) == [1, 2]
    assert [message.occurred_at for message in out] == [
        at // 1000 * 1000 for at in (resumed_at, resumed_at + NS_PER_SECOND)
    ]


def test_a_gap_is_compressed_too_and_never_to_nothing() -> None:
    clock = Clock()
    source = paced([Gap(symbol="A", occurred_at=5, gap_seconds=Decimal(10))], clock, speed="1000000000")
    [gap] = source.next_batch(1)
    assert isinstance(gap, Gap)
    assert gap.gap_seconds == Decimal("0.000001")


def test_a_file_that_goes_back_in_time_keeps_its_order() -> None:
    clock = Clock()
    source = paced(quotes(10, 4, 11), clock)
    assert prices(source.next_batch(5)) == [0, 1]
    assert prices(source.next_batch(5)) == [2]


def test_at_its_end_it_only_waits() -> None:
    clock = Clock()
    source = paced([], clock)
    assert source.ended
    assert source.next_batch(0.25) == []
    assert clock.now == NOON + NS_PER_SECOND // 4
