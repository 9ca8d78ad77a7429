"""Who holds which symbol, on the real server: shares are even, and who is gone or went quiet holds nothing."""

from collections.abc import Callable, Collection, Iterator

import pytest
from redis import Redis
from sqlalchemy import Engine, make_url, text

from services.tpsl_worker import share as share_module
from services.tpsl_worker.share import SymbolShare
from shared.settings import Settings
from shared.store import symbol_leases
from shared.store.database import connect_database
from shared.store.symbol_leases import SymbolLeases
from tests.trading import Desk, Recorder, empty_desk, wait_until

SYMBOLS = ["M2K1!", "MES1!", "MGC1!", "MNQ1!", "MYM1!"]


@pytest.fixture
def desk(engine: Engine, redis_client: Redis) -> Desk:
    """A desk with an open position in each symbol."""
    desk = empty_desk(engine, redis_client)
    for symbol in SYMBOLS:
        opened(desk, symbol)
    return desk


def opened(desk: Desk, symbol: str) -> Recorder:
    desk.tick("100", symbol=symbol)
    recorder = desk.recorder(symbol=symbol)
    desk.alert(recorder, {"action": "buy"})
    desk.catch_up(recorder)
    return recorder


@pytest.fixture
def join(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], SymbolShare]]:
    """Have workers join whose beats are due whenever they are asked."""
    monkeypatch.setattr(share_module, "BEAT_EVERY_SECONDS", 0.0)
    joined = []

    def join() -> SymbolShare:
        joined.append(SymbolShare(SymbolLeases(desk.engine)))
        return joined[-1]

    yield join
    for share in joined:
        share.close()


def beat(*shares: SymbolShare, rounds: int = 4) -> list[int]:
    """Let them beat in turn until nothing moves any more; how many symbols each has."""
    for _ in range(rounds):
        for share in shares:
            share.beat_if_due(())
    assert sum(len(share.own) for share in shares) == len(frozenset().union(*(share.own for share in shares)))
    return [len(share.own) for share in shares]


def sessions(engine: Engine) -> list[int]:
    """The sessions of the members, the first to join first."""
    statement = """
        SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE locktype = 'advisory' AND classid = 3 AND objsubid = 2 AND datname = current_database()
        ORDER BY backend_start
    """
    with engine.connect() as connection:
        return list(connection.execute(text(statement)).scalars())


def test_one_worker_has_every_symbol_with_an_open_position(join: Callable[[], SymbolShare]) -> None:
    alone = join()
    assert beat(alone) == [5]
    assert (sorted(alone.own), alone.others) == (SYMBOLS, frozenset())


def test_who_joins_gets_an_even_share_of_what_others_had(join: Callable[[], SymbolShare]) -> None:
    first = join()
    beat(first)
    second = join()
    assert beat(first, second) == [3, 2]
    kept = first.own, second.own
    third = join()
    assert beat(first, second, third) == [2, 2, 1]
    assert first.own < kept[0]
    assert second.own == kept[1]
    assert third.others == first.own | second.own


def test_with_more_workers_than_symbols_some_have_none(join: Callable[[], SymbolShare]) -> None:
    assert sorted(beat(*(join() for _ in range(7)))) == [0, 0, 1, 1, 1, 1, 1]


def test_who_leaves_or_is_killed_is_followed_at_the_next_beat(desk: Desk, join: Callable[[], SymbolShare]) -> None:
    first, second, third = join(), join(), join()
    beat(first, second, third)
    third.close()
    assert beat(first, second, rounds=2) == [3, 2]
    terminate(desk.engine, sessions(desk.engine)[1])
    wait_until(lambda: len(sessions(desk.engine)) == 1)
    assert beat(first, rounds=1) == [5]


def test_a_worker_that_lost_its_session_keeps_what_it_knew_and_joins_again(
    desk: Desk, join: Callable[[], SymbolShare]
) -> None:
    first, second = join(), join()
    beat(first, second)
    before = first.own, first.others
    terminate(desk.engine, sessions(desk.engine)[0])
    assert not first.beat_if_due(())
    assert (first.own, first.others) == before
    assert sorted(beat(first, second)) == [2, 3]


def terminate(engine: Engine, session: int) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:session, 5000)"), {"session": session})


def test_who_goes_quiet_loses_everything_and_who_says_something_does_not(
    desk: Desk, join: Callable[[], SymbolShare], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(symbol_leases, "QUIET_FOR_MS", 400)
    quiet, busy = join(), join()
    beat(quiet, busy)

    def one_is_left() -> object:
        busy.renew_if_due()
        return len(sessions(desk.engine)) == 1

    wait_until(one_is_left)
    assert beat(busy) == [5]
    assert not quiet.beat_if_due(())
    assert sorted(beat(quiet, busy)) == [2, 3]


def test_a_symbol_without_open_positions_is_kept_while_it_is_followed(
    desk: Desk, join: Callable[[], SymbolShare]
) -> None:
    share, other = join(), join()
    beat(share)
    desk.alert(desk.recorders[0], {"action": "close"})
    desk.catch_up(desk.recorders[0])
    share.beat_if_due({"M2K1!"})
    other.beat_if_due(())
    assert "M2K1!" in share.own
    share.beat_if_due(())
    assert "M2K1!" not in share.own
    opened(desk, "M2K1!")
    assert beat(other, share) == [2, 3]


def test_a_new_symbol_goes_to_one_who_has_fewer(desk: Desk, join: Callable[[], SymbolShare]) -> None:
    first, second = join(), join()
    beat(first, second)
    opened(desk, "MCL1!")
    first.beat_if_due(())
    assert "MCL1!" not in first.own
    second.beat_if_due(())
    assert "MCL1!" in second.own


def test_who_finds_a_symbol_taken_looks_again_soon(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_module, "BEAT_EVERY_SECONDS", 60.0)
    monkeypatch.setattr(share_module, "SOONEST_BEAT_SECONDS", 0.0)
    rival = SymbolLeases(desk.engine)

    class Late(SymbolLeases):
        def take(self, symbols: Collection[str]) -> set[str]:
            rival.take(sorted(symbols)[:1])
            return super().take(symbols)

    share = SymbolShare(Late(desk.engine))
    assert share.beat_if_due(())
    assert share.others == {"M2K1!"}
    assert share.beat_if_due(())
    share.close()
    rival.close()


def test_members_of_other_databases_are_none_of_ours(settings: Settings, join: Callable[[], SymbolShare]) -> None:
    elsewhere = connect_database(
        make_url(settings.database_url).set(database="postgres").render_as_string(hide_password=False),
        application="tests",
    )
    with elsewhere.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock_shared(3, 0)"))
        symbols = {"symbols": SYMBOLS, "seed": symbol_leases._SYMBOLS}
        connection.execute(text("SELECT pg_advisory_lock(hashtextextended(s, :seed)) FROM unnest(:symbols) s"), symbols)
        assert beat(join()) == [5]
    elsewhere.dispose()


def test_however_many_ask_for_a_beat_the_soonest_is_a_while_after_the_last(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share_module, "BEAT_EVERY_SECONDS", 60.0)
    for soonest, beats in ((60.0, 1), (0.0, 9)):
        monkeypatch.setattr(share_module, "SOONEST_BEAT_SECONDS", soonest)
        share = SymbolShare(SymbolLeases(desk.engine))
        assert sum(asked_to_beat(share) for _ in range(9)) == beats
        assert not share.beat_if_due(())
        share.close()


def asked_to_beat(share: SymbolShare) -> bool:
    share.beat_soon()
    return share.beat_if_due(())
