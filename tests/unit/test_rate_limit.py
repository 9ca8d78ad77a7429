from services.web.rate_limit import RateLimit


class Clock:
    now = 120.0

    def __call__(self) -> float:
        return self.now


def test_what_is_over_the_limit_waits_for_the_next_minute() -> None:
    clock = Clock()
    limit = RateLimit(2, clock)

    assert [limit.allows("a") for _ in range(3)] == [True, True, False]
    clock.now = 179.9
    assert not limit.allows("a")
    assert limit.retry_after_seconds() == 1
    clock.now = 180.0
    assert limit.allows("a")


def test_each_key_is_counted_by_itself() -> None:
    limit = RateLimit(1, Clock())

    assert (limit.allows("a"), limit.allows("b"), limit.allows("a")) == (True, True, False)


def test_counts_of_earlier_minutes_take_no_memory() -> None:
    clock = Clock()
    limit = RateLimit(1, clock)
    for key in range(100):
        limit.allows(key)

    clock.now += 60
    limit.allows("a")

    assert len(limit._counts) == 1
