"""What entry filters know of the past: the same whoever asks, whenever, and paid by those alone who ask."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from shared.audit import audit_recorders
from shared.domain.entry_history import EntryHistory
from shared.domain.timestamps import from_datetime
from shared.store.audit_rows import begin_snapshot, recorders_to_audit
from shared.store.entry_histories import load_entry_histories
from shared.store.recorders import find_recorder
from tests.integration.test_audit import retention_takes
from tests.trading import Desk, Recorder, assert_as_replayed

BUY, SELL, CLOSE = {"action": "buy"}, {"action": "sell"}, {"action": "close"}
FIVE_TO_SIX = datetime(2026, 3, 2, 22, 55, tzinfo=UTC)  # in New York


def reasons(desk: Desk, recorder: Recorder) -> list[str | None]:
    """Return what each signal was ignored for, or its note; the name of the setting is enough."""
    said = (each["reason"] or each["note"] for each in desk.signals(recorder))
    return [each and each.removeprefix("not reversed: ").partition(":")[0] for each in said]


def differences(desk: Desk) -> list[str]:
    with desk.engine.begin() as connection:
        begin_snapshot(connection)
        records = list(audit_recorders(connection, desk.redis, recorders_to_audit(connection, None, None)))
    return [f"{each.field}: {each.stored} / {each.recomputed}" for record in records for each in record.differences]


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    seen: list[str] = []

    def remember(*args: Any) -> None:
        seen.append(args[2])

    event.listen(engine, "before_cursor_execute", remember)
    yield seen
    event.remove(engine, "before_cursor_execute", remember)


def trade_on(desk: Desk, recorder: Recorder) -> None:
    """Signals and ticks against every filter of the past, in two symbols, over the change of the session."""
    desk.now = from_datetime(FIVE_TO_SIX)
    desk.tick("100")
    desk.tick("50", symbol="MES1!")
    for minute, body in enumerate([BUY, SELL, BUY | {"ticker": "MES1!"}, BUY, SELL, BUY, CLOSE, BUY, SELL, SELL, BUY]):
        desk.now = from_datetime(FIVE_TO_SIX + timedelta(minutes=minute))
        desk.tick("99", "98.5", "100.25")
        desk.tick(str(50 - minute), symbol="MES1!")
        desk.alert(recorder, body)


@pytest.mark.parametrize(
    "filters",
    [
        {"cooldown_seconds": 120},
        {"max_signals_per_session": 2},
        {"max_daily_loss": "12"},
        {"take_every": 3},
        {"inverse": True, "take_every": 2, "max_daily_loss": "30", "cooldown_seconds": 60},
    ],
    ids=lambda filters: next(iter(filters)),
)
@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "each by itself"])
def test_the_record_is_the_same_in_batches_alone_in_replay_and_in_audit(
    desk: Desk,
    filters: dict[str, Any],
    at_once: bool,  # noqa: FBT001 - a parameter of pytest's
) -> None:
    recorder = desk.recorder(sl_enabled=True, sl_amount="6", **filters)
    alert = desk.alert

    def alert_and_apply(*args: Any, **options: Any) -> int:
        signal = alert(*args, **options)
        desk.catch_up()
        return signal

    if not at_once:
        desk.alert = alert_and_apply  # type: ignore[method-assign]
    trade_on(desk, recorder)
    desk.catch_up()

    assert set(filters) & {each or "" for each in reasons(desk, recorder)}
    assert_as_replayed(desk)
    assert differences(desk) == []


def test_what_was_recorded_before_a_filter_was_set_counts(desk: Desk) -> None:
    recorder = desk.recorder()
    desk.tick("100")
    desk.alert(recorder, BUY)
    desk.alert(recorder, BUY)
    desk.catch_up()
    edited = desk.edit(recorder, max_signals_per_session=3)
    desk.alert(edited, BUY)
    desk.alert(edited, BUY)
    desk.catch_up()

    assert reasons(desk, edited) == [None, None, None, "max_signals_per_session"]
    assert_as_replayed(desk)
    assert differences(desk) == []


def test_a_day_s_loss_is_that_of_the_signal_s_place_however_far_others_had_come(desk: Desk) -> None:
    """The other symbol's stop came a moment after the signal and was applied before it: the signal goes behind it."""
    recorder = desk.recorder(max_daily_loss="10", sl_enabled=True, sl_amount="20")
    desk.tick("100")
    desk.tick("50", symbol="MES1!")
    desk.alert(recorder, BUY | {"ticker": "MES1!"})
    desk.catch_up()
    accepted_at = desk.tick("100.25")
    stopped_at = desk.tick("45", symbol="MES1!")
    desk.catch_up(through={"MES1!": stopped_at})
    desk.alert(recorder, BUY, place=accepted_at, market_price=Decimal("100.25"))
    desk.catch_up()

    assert reasons(desk, recorder) == [None, "max_daily_loss"]
    assert desk.signals(recorder)[1]["place"] >= stopped_at
    assert_as_replayed(desk)
    assert differences(desk) == []


def test_an_unapplied_stop_of_another_symbol_is_seen_by_the_daily_loss(desk: Desk) -> None:
    recorder = desk.recorder(max_daily_loss="10", sl_enabled=True, sl_amount="8")
    desk.tick("100")
    desk.tick("50", symbol="MES1!")
    desk.alert(recorder, BUY | {"ticker": "MES1!"})
    desk.catch_up()
    desk.tick("48", "60", symbol="MES1!")
    desk.alert(recorder, BUY)
    desk.catch_up()

    assert reasons(desk, recorder) == [None, "max_daily_loss"]
    assert [(each["ticker"], each["exit_reason"], each["pnl"]) for each in desk.trades(recorder)] == [
        ("MES1!", "sl", Decimal(-10))
    ]
    assert_as_replayed(desk)


def test_an_audit_believes_a_daily_loss_that_it_cannot_recompute_and_counts_what_it_can(desk: Desk) -> None:
    """The ticks of a position that was open at the time are gone; those of the other symbol are there."""
    recorder = desk.recorder(max_daily_loss="10", take_every=2)
    desk.tick("50", symbol="MES1!")
    desk.alert(recorder, BUY | {"ticker": "MES1!"})
    desk.alert(recorder, BUY | {"ticker": "MES1!"})
    desk.catch_up()
    desk.tick("47", symbol="MES1!")
    desk.tick("100")
    desk.alert(recorder, BUY)
    desk.catch_up()
    desk.tick("50", symbol="MES1!")
    desk.alert(recorder, BUY)
    desk.alert(recorder, BUY)
    desk.settle()
    assert reasons(desk, recorder) == ["take_every", None, "max_daily_loss", "take_every", None]

    desk.redis.delete("ticks:MES1!")

    assert differences(desk) == []
    with desk.engine.begin() as connection:
        connection.execute(
            text("UPDATE recorded_signals SET status = 'recorded', entry = 'entered' WHERE entry = 'take_every'")
        )
    assert differences(desk)


@pytest.mark.parametrize(
    ("filters", "last"),
    [
        ({"max_signals_per_session": 3}, "max_signals_per_session"),
        ({"max_daily_loss": "12"}, "max_daily_loss"),
        ({"take_every": 2}, None),
    ],
)
def test_an_audit_knows_what_was_recorded_before_the_ticks_it_has(
    desk: Desk, filters: dict[str, Any], last: str | None
) -> None:
    recorder = desk.recorder(sl_enabled=True, sl_amount="8", **filters)
    for _ in range(4):
        desk.tick("101")
        desk.alert(recorder, BUY)
        desk.tick("98.5")
        desk.settle()
    assert reasons(desk, recorder)[-1] == last

    retention_takes(desk, desk.positions(recorder)[0]["place"])

    assert differences(desk) == []


def test_a_history_is_read_up_to_a_signal_and_by_day(desk: Desk, engine: Engine) -> None:
    recorder = desk.recorder(take_every=3)
    trade_on(desk, recorder)
    desk.catch_up()
    rows = desk.signals(recorder)
    monday, tuesday = date(2026, 3, 2), date(2026, 3, 3)

    def history(before: int) -> EntryHistory:
        with engine.connect() as connection:
            found = load_entry_histories(connection, {recorder.id: [monday, tuesday]}, before={recorder.id: before})
        return found[recorder.id]

    for before in range(1, len(rows) + 2):
        known = EntryHistory(entries={monday: 0, tuesday: 0})
        for row in rows[: before - 1]:
            known.count_entry(row["entry"], from_datetime(row["received_at"]))
        found = history(before)
        assert (found.last_entry_at, found.held_back, found.entries) == (
            known.last_entry_at,
            known.held_back,
            known.entries,
        )


def test_a_recorder_without_such_filters_asks_no_more_than_before(desk: Desk, engine: Engine) -> None:
    plain, asking = desk.recorder(direction_filter="Long"), desk.recorder(cooldown_seconds=1)
    desk.tick("100")
    counts = {}
    for recorder in (plain, asking):
        desk.alert(recorder, BUY)
        with statements(engine) as seen:
            desk.catch_up(recorder)
        counts[recorder.name] = sum("recorded_trades" in each and "wanted" in each for each in seen)

    assert counts == {plain.name: 0, asking.name: 1}


def test_a_recorder_that_is_deleted_and_made_again_starts_without_a_past(desk: Desk) -> None:
    recorder = desk.recorder(cooldown_seconds=600)
    desk.tick("100")
    desk.alert(recorder, BUY)
    desk.catch_up()
    with desk.engine.begin() as connection:
        connection.execute(text("DELETE FROM recorders WHERE id = :id"), {"id": recorder.id})
        assert find_recorder(connection, desk.user_id, recorder.id) is None
    again = desk.recorder(cooldown_seconds=600)
    desk.alert(again, BUY)
    desk.catch_up(again)

    assert reasons(desk, again) == [None]
