"""Redis as intake asks it: one that is away costs one thread a second, and nobody else anything."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from redis import RedisError
from redis.exceptions import ConnectionError as RedisUnreachable

from shared.bus import intake
from shared.bus.intake import IntakeBus, Standing

STANDING = Standing(place=7, others_wait=False)


def test_while_redis_is_away_one_asks_and_the_others_do_not_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asks, answered = Event(), Event()
    asked = []

    def ask(_: IntakeBus, symbols: list[str]) -> Standing:
        asked.append(symbols)
        if symbols == ["slow"]:
            asks.set()
            assert answered.wait(5)
        raise RedisUnreachable

    monkeypatch.setattr(IntakeBus, "_read_standing", ask)
    clock = [100.0]
    monkeypatch.setattr(intake.time, "monotonic", lambda: clock[0])
    bus = IntakeBus("redis://127.0.0.1:1/0")

    assert bus.read_standing("first") is None
    clock[0] += 1.1
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(bus.read_standing, "slow")
        assert asks.wait(5)
        others = [bus.read_standing("other") for _ in range(20)]
        answered.set()

    assert (slow.result(), set(others)) == (None, {None})
    assert asked == [["first"], ["first"], ["slow"], ["slow"]]


def test_redis_that_is_back_is_asked_each_time_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Standing | RedisError] = [RedisUnreachable(), RedisUnreachable(), STANDING, STANDING]

    def ask(*_: object) -> Standing:
        answer = answers.pop(0)
        if isinstance(answer, RedisError):
            raise answer
        return answer

    monkeypatch.setattr(IntakeBus, "_read_standing", ask)
    clock = [100.0]
    monkeypatch.setattr(intake.time, "monotonic", lambda: clock[0])
    bus = IntakeBus("redis://127.0.0.1:1/0")

    assert [bus.read_standing(), bus.read_standing()] == [None, None]
    clock[0] += 1.1
    assert [bus.read_standing(), bus.read_standing()] == [STANDING, STANDING]
