"""A chaos run's comparison with the replay finds whatever differs."""

import pytest
from redis import Redis
from sqlalchemy import Engine, text

from tests.chaos.comparison import find_differences, load_records
from tests.trading import Desk, empty_desk


@pytest.fixture
def desk(engine: Engine, redis_client: Redis) -> Desk:
    """A recorder with a closed position, a reversal, an open position and an alert that was ignored."""
    desk = empty_desk(engine, redis_client)
    recorder = desk.recorder(tp_targets=[{"value": "40"}])
    desk.tick("25600", "25601")
    for body in ({"action": "buy"}, {"action": "sell", "qty": 2}, {"action": "closelong"}):
        desk.alert(recorder, body)
        desk.tick("25602.25", "25599.50", "25601.75")
    desk.settle()
    return desk


def test_rows_that_the_workers_wrote_are_as_replayed(desk: Desk) -> None:
    assert find_differences(load_records(desk.engine), desk.redis) == {}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE recorded_trades SET max_adverse = max_adverse - 0.5 WHERE status = 'open'",
        "UPDATE recorded_trades SET ticks_seen = ticks_seen + 1 WHERE status = 'closed'",
        "UPDATE recorder_positions SET worst_unrealized_pnl = worst_unrealized_pnl - 0.01 WHERE status = 'closed'",
        "UPDATE recorded_signals SET reason = 'something else' WHERE status = 'ignored'",
        "UPDATE recorded_signals SET place = (SELECT max(place) FROM recorded_signals) WHERE sequence = 1",
        "DELETE FROM recorded_trades WHERE status = 'closed'",
    ],
)
def test_a_row_that_is_not_as_replayed_is_found(desk: Desk, statement: str) -> None:
    with desk.engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount
    assert list(find_differences(load_records(desk.engine), desk.redis)) == ["R1"]
