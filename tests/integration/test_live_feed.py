"""Live prices from end to end: a venue's socket, the price feed, Redis, Postgres, an open position."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

from redis import Redis

from services.price_feed.feed import Feed
from services.price_feed.market_hours import ALWAYS
from services.price_feed.sources.subscriptions import FeedRules
from services.price_feed.sources.venue_source import VenueSource
from services.price_feed.wanted import WantedSymbols
from shared.bus.connection import connect_redis
from shared.bus.tick_log import Heads, read_entries
from shared.domain.ticks import GapMark, PriceTick
from shared.settings import Settings
from shared.store.database import connect_database
from shared.store.wanted_symbols import load_wanted_symbols
from tests.trading import Desk, wait_until
from tests.venues.plain_venue import PlainServer, PlainVenue

OUTSIDE = "postgresql+psycopg2://nobody@127.0.0.1:1/none"


@contextmanager
def live_feed(settings: Settings, server: PlainServer) -> Iterator[None]:
    """The price feed on one venue, in threads of its own, following what Postgres says somebody needs."""
    settings = replace(settings, feed="coinbase")
    wanted, stopping = WantedSymbols(settings), threading.Event()
    client = connect_redis(settings.redis_url, retries=False)

    def open_source(heads: Heads) -> VenueSource:
        rules = FeedRules(hours=lambda _: ALWAYS)
        return VenueSource([PlainVenue(server.url)], wanted.current, heads=heads, rules=rules)

    feed = Feed(client, settings, open_source, is_stopping=stopping.is_set)
    threads = [threading.Thread(target=feed.run), threading.Thread(target=wanted.keep_up, args=(stopping,))]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join(10)
        client.close()


def prices(client: Redis, symbol: str) -> list[Decimal]:
    return [each.price for each in read_entries(client, symbol, after=0) if isinstance(each, PriceTick)]


def test_active_recorders_and_open_positions_are_wanted_and_nobody_else(desk: Desk) -> None:
    desk.recorder(symbol="MGC1!")
    desk.recorder(symbol="MES1!", recording_enabled=False)
    holding = desk.recorder(symbol="MCL1!")
    desk.tick("60", symbol="MCL1!")
    desk.alert(holding, {"action": "buy", "price": "60"})
    desk.settle()
    desk.edit(holding, recording_enabled=False)
    with desk.engine.connect() as connection:
        wanted = load_wanted_symbols(connection, ["MNQZ6", "nonsense"], time.time_ns())
    assert set(wanted) == {"MGC1!", "MCL1!", "MNQZ2026"}
    assert wanted["MNQZ2026"].root == "MNQ"


def test_a_recorder_that_is_added_is_followed_and_one_that_stops_is_left(
    desk: Desk, settings: Settings, redis_client: Redis
) -> None:
    with PlainServer() as server, live_feed(settings, server):
        recorder = desk.recorder(symbol="MNQ1!")
        wait_until(lambda: server.followed == {"mnq1!"})
        server.say("price mnq1! 21000.25")
        wait_until(lambda: prices(redis_client, "MNQ1!") == [Decimal("21000.25")])
        desk.recorder(symbol="BTCUSD")
        wait_until(lambda: server.followed == {"mnq1!", "btcusd"})
        desk.edit(recorder, recording_enabled=False)
        wait_until(lambda: server.followed == {"btcusd"})
        assert server.connected == 1


def test_while_postgres_is_away_the_last_list_stands(desk: Desk, settings: Settings) -> None:
    desk.recorder(symbol="MNQ1!")
    wanted = WantedSymbols(replace(settings, feed_symbols=("BTCUSD",)))
    assert set(wanted.current()) == {"BTCUSD"}
    wanted._look(desk.engine)
    assert set(wanted.current()) == {"BTCUSD", "MNQ1!"}
    wanted._look(connect_database(OUTSIDE, application="tests"))
    assert set(wanted.current()) == {"BTCUSD", "MNQ1!"}


def test_a_socket_cut_under_load_is_back_within_a_second_and_the_position_shows_the_gap(
    desk: Desk, settings: Settings, redis_client: Redis
) -> None:
    recorder = desk.recorder(symbol="MNQ1!")
    with PlainServer() as server, live_feed(settings, server):
        wait_until(lambda: server.followed == {"mnq1!"})
        server.say("price mnq1! 21000")
        wait_until(lambda: prices(redis_client, "MNQ1!"))
        desk.now = time.time_ns()
        desk.alert(recorder, {"action": "buy", "price": "21000"})
        desk.settle()
        load = under_load(server)
        wait_until(lambda: len(prices(redis_client, "MNQ1!")) > 200)
        cut_at = time.monotonic()
        server.cut()
        wait_until(lambda: server.connected == 2)
        away_seconds = time.monotonic() - cut_at
        wait_until(lambda: gap_marks(redis_client, "MNQ1!"))
        load.set()
    assert away_seconds < 1
    (gap,) = gap_marks(redis_client, "MNQ1!")
    assert Decimal("0.4") < gap.gap_seconds < 2
    desk.settle()
    (position,) = desk.positions(recorder)
    assert position["gap_seconds"] == gap.gap_seconds


def under_load(server: PlainServer) -> threading.Event:
    """Say prices without a pause until the event is set."""
    done = threading.Event()

    def talk() -> None:
        number = 0
        while not done.is_set():
            number += 1
            server.say(f"price mnq1! {21000 + number % 8}")
            time.sleep(0.0005)

    threading.Thread(target=talk, daemon=True).start()
    return done


def gap_marks(client: Redis, symbol: str) -> list[GapMark]:
    """The symbol's gaps but the one that its log begins with."""
    return [each for each in read_entries(client, symbol, after=0) if isinstance(each, GapMark)][1:]
