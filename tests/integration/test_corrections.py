"""What a user voids is as though it had never come: the record is that of the logs without it, live as in a replay."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from services.tpsl_worker.flushes import FlushTimes
from services.tpsl_worker.monitor import Monitor
from shared import correction
from shared.domain.places import stream_id
from tests.trading import Desk, Json, Recorder, assert_as_replayed, audit_differences, wait_until

BUY, SELL, CLOSE = {"action": "buy"}, {"action": "sell"}, {"action": "close"}


def assert_right(desk: Desk) -> None:
    """Compare with the replay of the exported logs, and with what an audit makes of the database."""
    assert_as_replayed(desk)
    assert audit_differences(desk) == []


def live(rows: Sequence[Json]) -> list[Json]:
    return [row for row in rows if row["voided_by"] is None]


def outcomes(desk: Desk, recorder: Recorder) -> list[tuple[str, str | None]]:
    return [(each["status"], each["reason"]) for each in desk.signals(recorder)]


class TestVoidingASignal:
    def test_an_entry_that_never_came_leaves_no_trade_and_its_exit_has_nothing_to_close(self, desk: Desk) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        entry = desk.alert(recorder, BUY)
        desk.tick("90", "101")
        desk.alert(recorder, CLOSE)
        desk.tick("103")
        desk.alert(recorder, SELL)
        desk.catch_up()
        stays = desk.trades(recorder)[1]

        voiding = desk.void(recorder, entry)
        assert desk.catch_up() == 1

        assert outcomes(desk, recorder) == [
            ("ignored", "voided by hand"),
            ("ignored", "nothing to close"),
            ("recorded", None),
            ("recorded", None),
        ]
        gone, same = desk.trades(recorder)
        assert (gone["status"], gone["voided_by"], gone["pnl"]) == ("voided", voiding, 2)
        assert (same["id"], same["status"], same["entry_price"]) == (stays["id"], "open", 103)
        assert_right(desk)

    def test_what_was_held_back_by_the_entry_comes_to_be(self, desk: Desk) -> None:
        recorder = desk.recorder(same_direction="ignore", tp_targets=[{"value": 8}])
        desk.tick("100")
        entry = desk.alert(recorder, BUY)
        desk.tick("99")
        desk.alert(recorder, BUY)
        desk.tick("101", "102", "103")
        desk.alert(recorder, SELL)
        desk.tick("102.5")
        desk.catch_up()

        desk.void(recorder, entry)
        desk.catch_up()

        assert [(t["entry_price"], t["exit_price"], t["exit_reason"]) for t in live(desk.trades(recorder))] == [
            (103, None, None),
            (99, 101, "tp"),
        ]
        assert_right(desk)

    def test_a_late_alert_comes_after_all_that_was_recomputed(self, desk: Desk) -> None:
        recorder = desk.recorder(same_direction="ignore", sl_enabled=True, sl_amount="8")
        early = desk.tick("100")
        entry = desk.alert(recorder, BUY)
        desk.tick("99")
        desk.alert(recorder, BUY)
        desk.tick("97", "98")
        desk.catch_up()
        desk.void(recorder, entry)
        end = desk.tick("96", "95")
        desk.catch_up(through={"MNQ1!": end})

        desk.alert(recorder, SELL, place=early)
        desk.catch_up()

        assert_right(desk)
        voiding, late = desk.signals(recorder)[-2:]
        assert late["place"] == voiding["place"] > early

    def test_taking_a_correction_back_brings_back_what_was_there(self, desk: Desk) -> None:
        recorder = desk.recorder(tp_targets=[{"value": 8}])
        desk.tick("100")
        entry = desk.alert(recorder, BUY)
        desk.tick("99", "102")
        desk.alert(recorder, SELL)
        desk.tick("101")
        desk.settle()
        before = desk.recorded(recorder)
        ids = [trade["id"] for trade in desk.trades(recorder)]
        voiding = desk.void(recorder, entry)
        desk.catch_up()
        assert len(live(desk.trades(recorder))) == 1

        desk.void(recorder, voiding)
        desk.catch_up()

        now = desk.recorded(recorder)
        assert (now["trades"], now["positions"]) == (before["trades"], before["positions"])
        assert [trade["id"] for trade in live(desk.trades(recorder))] == ids
        assert_right(desk)

    def test_voiding_twice_is_ignored_the_second_time(self, desk: Desk) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        entry = desk.alert(recorder, BUY)
        desk.catch_up()
        desk.void(recorder, entry)
        desk.void(recorder, entry)
        desk.catch_up()
        assert outcomes(desk, recorder)[1:] == [("recorded", None), ("ignored", "it is voided already")]
        assert_right(desk)

    def test_an_alert_of_somebody_else_is_not_there(self, desk: Desk) -> None:
        recorder, other = desk.recorder(), desk.recorder()
        desk.tick("100")
        entry = desk.alert(other, BUY)
        desk.catch_up()
        desk.void(recorder, entry)
        desk.catch_up()
        assert outcomes(desk, recorder) == [("rejected", correction.NOT_THERE)]
        assert desk.position(other)["status"] == "open"

    @pytest.mark.parametrize(
        "settings",
        [
            {"sl_enabled": True, "sl_amount": "8", "sl_type": "Trail", "trail_trigger": 4, "trail_freq": 1},
            {"break_even_enabled": True, "break_even_ticks": 4},
            {"avg_down_enabled": True, "avg_down_amount": 1, "avg_down_point": "8", "max_contracts": 6},
            {"max_daily_loss": "3"},
            {"take_every": 2},
            {"cooldown_seconds": 1},
        ],
        ids=lambda settings: next(iter(settings)),
    )
    def test_positions_that_are_open_meanwhile_go_on_as_if_it_had_never_come(
        self, desk: Desk, settings: dict[str, Any]
    ) -> None:
        recorder = desk.recorder(initial_position_size=2, **settings)
        desk.tick("100", "101")
        desk.tick("50", symbol="MES1!")
        desk.alert(recorder, BUY)
        entry = desk.alert(recorder, BUY)
        desk.alert(recorder, BUY | {"ticker": "MES1!"})
        desk.tick("104", "101.5", "97")
        desk.now += 2_000_000_000
        desk.alert(recorder, SELL)
        desk.alert(recorder, BUY)
        desk.tick("95", "98", "99.25", "99")
        desk.tick("51", symbol="MES1!")
        desk.catch_up()
        desk.void(recorder, entry)
        desk.alert(recorder, BUY)
        desk.tick("97", "102", "94")
        desk.alert(recorder, SELL)
        desk.tick("93")
        assert_right(desk)


class TestVoidingATick:
    def test_a_bad_print_takes_the_stop_that_it_hit_with_it(self, desk: Desk) -> None:
        recorder, other = (desk.recorder(sl_enabled=True, sl_amount="20") for _ in range(2))
        desk.tick("100")
        for each in (recorder, other):
            desk.alert(each, BUY)
        bad = desk.tick("50")
        desk.tick("99", "104")
        desk.settle()
        assert [t["exit_price"] for t in desk.trades(recorder)] == [50]

        desk.void(recorder, tick=bad)
        desk.catch_up()

        (trade,) = live(desk.trades(recorder))
        assert (trade["status"], trade["max_adverse"], trade["ticks_seen"]) == ("open", -2, 2)
        assert [t["exit_price"] for t in desk.trades(other)] == [50]
        assert_right(desk)

    def test_the_last_print_is_no_longer_the_market_for_this_recorder_alone(self, desk: Desk) -> None:
        recorder, other = desk.recorder(), desk.recorder()
        desk.tick("100")
        bad = desk.tick("101")
        desk.void(recorder, tick=bad)
        desk.catch_up()
        for each in (recorder, other):
            desk.alert(each, BUY)
        desk.catch_up()
        assert [desk.trades(each)[0]["entry_price"] for each in (recorder, other)] == [100, 101]
        assert_right(desk)

    def test_a_tick_can_be_taken_back_in(self, desk: Desk) -> None:
        recorder = desk.recorder(sl_enabled=True, sl_amount="20")
        desk.tick("100")
        desk.alert(recorder, BUY)
        print_at = desk.tick("90")
        desk.tick("99")
        desk.settle()
        before = desk.recorded(recorder)
        voiding = desk.void(recorder, tick=print_at)
        desk.catch_up()
        desk.void(recorder, voiding)
        desk.catch_up()
        now = desk.recorded(recorder)
        assert (now["trades"], now["positions"]) == (before["trades"], before["positions"])
        assert_right(desk)

    def test_a_place_without_a_tick_is_refused(self, desk: Desk) -> None:
        recorder = desk.recorder()
        place = desk.tick("100")
        desk.void(recorder, tick=place + 1)
        desk.catch_up()
        assert outcomes(desk, recorder) == [("rejected", correction.OUT_OF_REACH)]
        assert_right(desk)


def retention_takes(desk: Desk, place: int) -> None:
    """Trim MNQ1!'s log as publishing does, place included."""
    desk.redis.xtrim("ticks:MNQ1!", minid=stream_id(place + 1), approximate=False)
    desk.redis.hset("ticks:heads", "MNQ1!:trimmed", stream_id(place))


def closed_trade(desk: Desk) -> tuple[Recorder, int]:
    """A trade whose second entry was ignored, of a new recorder; with the signal that opened it."""
    recorder = desk.recorder(same_direction="ignore")
    desk.tick("100")
    entry = desk.alert(recorder, BUY)
    desk.tick("99")
    desk.alert(recorder, BUY)
    desk.alert(recorder, CLOSE)
    return recorder, entry


class TestOutOfReach:
    def test_a_trade_is_taken_out_of_every_total_and_what_came_after_stays(self, desk: Desk) -> None:
        recorder, entry = closed_trade(desk)
        desk.catch_up()
        retention_takes(desk, desk.tick("98"))
        desk.tick("97")
        desk.alert(recorder, SELL)
        desk.settle()
        before = outcomes(desk, recorder)

        voiding = desk.void(recorder, entry)
        desk.settle()

        gone, stays = desk.trades(recorder)
        assert (gone["status"], gone["voided_by"], stays["voided_by"]) == ("closed", voiding, None)
        assert outcomes(desk, recorder) == [*before, ("recorded", None)]
        assert "no longer kept" in desk.signals(recorder)[-1]["note"]
        assert desk.signals(recorder)[-1]["marked"]
        assert audit_differences(desk) == []

        desk.void(recorder, voiding)
        desk.settle()
        assert [trade["voided_by"] for trade in desk.trades(recorder)] == [None, None]
        assert audit_differences(desk) == []

    def test_the_replay_leaves_a_marked_position_out_and_nothing_else(self, desk: Desk) -> None:
        recorder, entry = closed_trade(desk)
        trimmed = desk.tick("98")
        desk.tick("97")
        desk.alert(recorder, SELL)
        desk.settle()
        desk.redis.hset("ticks:heads", "MNQ1!:trimmed", stream_id(trimmed))
        desk.void(recorder, entry)
        desk.settle()
        desk.redis.hdel("ticks:heads", "MNQ1!:trimmed")

        assert desk.signals(recorder)[-1]["marked"]
        assert desk.recorded(recorder) == desk.replayed(recorder)
        assert len(desk.replayed(recorder)["trades"]) == 1

    def test_what_is_still_open_has_to_be_closed_first(self, desk: Desk) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        entry = desk.alert(recorder, BUY)
        desk.settle()
        retention_takes(desk, desk.tick("98"))
        desk.tick("97")
        desk.settle()
        desk.void(recorder, entry)
        desk.settle()
        assert outcomes(desk, recorder)[-1] == ("rejected", correction.STILL_OPEN)
        assert desk.position(recorder)["voided_by"] is None
        assert desk.recorded(recorder)["signals"][-1] == desk.replayed(recorder)["signals"][-1]

    def test_a_print_whose_position_began_before_the_log_is_refused(self, desk: Desk) -> None:
        recorder = desk.recorder()
        desk.tick("100")
        desk.alert(recorder, BUY)
        desk.settle()
        retention_takes(desk, desk.tick("98"))
        bad = desk.tick("50")
        desk.settle()
        desk.void(recorder, tick=bad)
        desk.settle()
        assert outcomes(desk, recorder)[-1] == ("rejected", correction.OUT_OF_REACH)
        assert desk.position(recorder)["worst_unrealized_pnl"] == -100


@pytest.mark.parametrize(
    "name",
    ["void_positions", "revive_positions", "write_positions", "revise_outcomes", "record_outcomes", "note_correction"],
)
def test_a_crash_in_the_middle_leaves_nothing_half_done(desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    recorder = desk.recorder(same_direction="ignore")
    desk.tick("100")
    entry = desk.alert(recorder, BUY)
    desk.tick("99")
    desk.alert(recorder, BUY)
    desk.tick("101")
    desk.settle()
    desk.void(recorder, entry)
    before = desk.everything()
    real = getattr(correction, name)

    def write_and_die(*arguments: Any, **options: Any) -> None:
        real(*arguments, **options)
        raise OperationalError("killed", None, Exception("the worker was killed"))

    monkeypatch.setattr(correction, name, write_and_die)
    with pytest.raises(OperationalError):
        desk.catch_up()
    assert desk.everything() == before

    monkeypatch.undo()
    desk.catch_up()
    assert [trade["entry_price"] for trade in live(desk.trades(recorder))] == [99]
    assert_right(desk)


def test_a_bug_in_recomputing_rejects_the_correction_and_holds_up_no_alert(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = desk.recorder()
    desk.tick("100")
    entry = desk.alert(recorder, BUY)
    desk.catch_up()
    monkeypatch.setattr(correction, "find_replacement", lambda *_: 1 / 0)
    desk.void(recorder, entry)
    desk.alert(recorder, CLOSE)
    desk.catch_up()
    monkeypatch.undo()
    refused, closed = desk.signals(recorder)[1:]
    assert (refused["status"], closed["status"]) == ("rejected", "recorded")
    assert refused["reason"].startswith("internal error: ZeroDivisionError")
    assert_right(desk)


def test_the_monitor_follows_what_was_recomputed(desk: Desk, redis_url: str) -> None:
    recorder = desk.recorder(same_direction="ignore", tp_targets=[{"value": 16}])
    desk.tick("100")
    entry = desk.alert(recorder, BUY)
    desk.tick("99")
    desk.alert(recorder, BUY)
    desk.catch_up()
    monitor = Monitor(desk.engine, desk.redis, redis_url, flush_times=FlushTimes(interval=0, margin=0))
    try:
        wait_until(lambda: monitor.turn() or monitor.positions == 1)
        bad = desk.tick("98", "60")
        desk.tick("98.5")
        wait_until(lambda: monitor.turn() or desk.position(recorder)["worst_unrealized_pnl"] == -80)
        desk.void(recorder, entry)
        desk.void(recorder, tick=bad)
        desk.catch_up()
        desk.tick("103")
        wait_until(lambda: monitor.turn() or live(desk.trades(recorder))[0]["status"] == "closed")
    finally:
        monitor.close()
    (trade,) = live(desk.trades(recorder))
    assert (trade["entry_price"], trade["exit_price"], trade["max_adverse"]) == (99, 103, -2)
    assert_right(desk)
