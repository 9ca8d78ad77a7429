"""Whatever happens to the doorbell, its follower reads the log: nothing twice, nothing missing, in order."""

import time
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis import Redis

from shared.bus import tick_log
from shared.bus.connection import connect_redis
from shared.bus.publisher import SourceLease, TickPublisher
from shared.bus.tick_subscription import TickSubscription
from shared.domain.places import place_from_stream_id, stream_id
from shared.domain.quotes import Quote

WITHIN_SECONDS = 10.0
SYMBOLS = ("A", "B")

symbols = st.sampled_from(SYMBOLS)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("published"), symbols, st.integers(1, 4)),
        st.tuples(st.just("message lost"), symbols, st.just(1)),
        st.tuples(st.just("old message again"), symbols, st.integers(0, 5)),
        st.tuples(st.just("connection killed"), st.just(""), st.just(0)),
        st.tuples(st.just("read"), st.just(""), st.just(0)),
    ),
    max_size=25,
)


class Scene:
    """A log, its publisher, and a doorbell that can be interfered with."""

    def __init__(self, client: Redis) -> None:
        client.flushall()
        epoch = SourceLease(client, "test", "one").claim()
        assert epoch is not None
        self.client = client
        self.publisher = TickPublisher(client, source="test", epoch=epoch, retention_seconds=60)
        for symbol in SYMBOLS:
            self.play("published", symbol, 1)

    def play(self, happening: str, symbol: str, number: int) -> None:
        if happening == "published":
            self.publisher.append([Quote(symbol=symbol, occurred_at=1, price=Decimal(n)) for n in range(number)])
        elif happening == "message lost":
            entry_id = stream_id(tick_log.last_place(self.client) + 1)
            self.client.xadd(f"ticks:{symbol}", {"p": "7", "t": "1"}, id=entry_id)
            self.client.hset(tick_log.HEADS, mapping={"place": entry_id, f"{symbol}:entry": entry_id})
        elif happening == "old message again":
            self.repeat(symbol, number)
        elif happening == "connection killed":
            self.client.client_kill_filter(_type="pubsub")

    def repeat(self, symbol: str, number: int) -> None:
        ids = [stream_id(place) for place in self.places(symbol)]
        if number < len(ids):
            self.client.publish(f"ticks:{symbol}", f"{ids[number]} {['0-0', *ids][number]} 7 1")

    def places(self, symbol: str) -> list[int]:
        return [place_from_stream_id(entry_id) for entry_id, _ in self.client.xrange(f"ticks:{symbol}")]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.bus.tick_subscription.COMPARE_EVERY_SECONDS", 0.02)
    monkeypatch.setattr("shared.bus.backoff.FIRST_SECONDS", 0.001)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=happenings)
@example(script=[("read", "", 0), ("message lost", "A", 1), ("published", "A", 1), ("connection killed", "", 0)])
def test_a_follower_reads_the_log(quick: None, redis_url: str, script: list[tuple[str, str, int]]) -> None:  # noqa: ARG001
    client = connect_redis(redis_url, retries=True)
    scene = Scene(client)
    came: dict[str, list[int]] = {symbol: [] for symbol in SYMBOLS}
    with TickSubscription(redis_url, dict.fromkeys(SYMBOLS, 0)) as subscription:

        def read(timeout: float) -> None:
            for entry in subscription.next_batch(timeout):
                came[entry.symbol].append(entry.place)

        for happening in script:
            scene.play(*happening)
            if happening[0] == "read":
                read(0.005)
        end = scene.publisher.append([Quote(symbol="A", occurred_at=1, price=Decimal(9))])[0]
        deadline = time.monotonic() + WITHIN_SECONDS
        while subscription.complete_through < end:
            assert time.monotonic() < deadline
            read(0.005)
    assert came == {symbol: scene.places(symbol) for symbol in SYMBOLS}
    client.close()
