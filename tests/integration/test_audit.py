"""An audit finds every field that is not what the logs say, and nothing else."""

from collections.abc import Sequence
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace
from sqlalchemy import text

from cli.main import main
from shared.audit import AuditedRecord, audit_recorders
from shared.bus.tick_log import read_entries
from shared.domain.fold import advance
from shared.settings import Settings
from shared.store.audit_rows import begin_snapshot, recorders_to_audit
from shared.store.flush import flush_positions
from shared.store.positions import lock_open_positions
from shared.store.signals import MANUAL
from shared.store.watched_positions import Numbers, watched_from
from tests.trading import Desk, Recorder

LEGS = [{"value": 8, "trim": 1}, {"value": 40}]


def audited(desk: Desk) -> list[AuditedRecord]:
    with desk.engine.begin() as connection:
        begin_snapshot(connection)
        return list(audit_recorders(connection, desk.redis, recorders_to_audit(connection, None, None)))


def found(records: Sequence[AuditedRecord]) -> list[str]:
    return [f"{each.field}: {each.stored} / {each.recomputed}" for record in records for each in record.differences]


def counts(records: Sequence[AuditedRecord]) -> tuple[int, int]:
    return sum(each.checked for each in records), sum(each.skipped for each in records)


def trade_a_day(desk: Desk) -> Recorder:
    """Adds, trims, reversals, targets, stops, gaps, several symbols, a close-all, closes by hand, edited settings."""
    recorder = desk.recorder(tp_targets=LEGS, initial_position_size=2, commission="0.5")
    other = desk.recorder(sl_enabled=True, sl_amount="8", max_contracts=3)
    desk.tick("100", "101")
    desk.tick("50", symbol="MES1!")
    for each in (recorder, other):
        desk.alert(each, {"action": "buy", "price": "100"})
        desk.alert(each, {"action": "buy", "ticker": "MES1!"})
    desk.tick("99", "98.5", "102.25")
    desk.catch_up()
    desk.gap("3.5")
    desk.tick("97", "49", symbol="MES1!")
    desk.alert(recorder, {"action": "buy", "price": "101"})
    desk.alert(recorder, {"action": "sell", "market_position": "long", "market_position_size": "1"})
    desk.tick("96", "103")
    desk.settle()
    edited = desk.edit(recorder, sl_enabled=True, sl_amount="4", tp_targets=[])
    desk.alert(edited, {"action": "sell", "price": "103", "contracts": 3})
    desk.alert(edited, {"action": "buy", "price": "1"})
    desk.alert(edited, {"action": "price_alert"})
    desk.tick("102", "104", "101")
    desk.alert(other, {"action": "closeall"})
    desk.alert(edited, {"action": "close", "ticker": "MES1!"}, signal_type=MANUAL)
    desk.tick("100")
    desk.catch_up()
    desk.alert(other, {"action": "buy", "price": "1"})
    for each in (edited, other):
        desk.alert(each, {"action": "sell", "price": "100", "contracts": 2})
    desk.tick("100.25", "99")
    desk.settle()
    desk.gap("1")
    desk.roll("12.5")
    desk.tick("99.5", "98")
    return edited


def test_an_untouched_database_has_no_differences(desk: Desk) -> None:
    trade_a_day(desk)

    assert (found(audited(desk)), counts(audited(desk))) == ([], (7, 0))


# ruff: noqa: S608 - statements of a test, made of its own words

OF_R1 = "FROM recorder_positions p JOIN recorders r ON r.id = p.recorder_id AND r.name = 'R1' AND p.ticker = 'MNQ1!'"
CLOSED = f"(SELECT min(p.id) {OF_R1} AND p.status = 'closed')"
OPEN = f"(SELECT max(p.id) {OF_R1} AND p.status = 'open')"
POSITION = f"UPDATE recorder_positions SET {{}} WHERE id = {CLOSED}"
OPEN_POSITION = f"UPDATE recorder_positions SET {{}} WHERE id = {OPEN}"
TRADE = f"UPDATE recorded_trades SET {{}} WHERE id = (SELECT max(id) FROM recorded_trades WHERE position_id = {CLOSED})"
OPEN_TRADE = f"UPDATE recorded_trades SET {{}} WHERE position_id = {OPEN} AND status = 'open'"
LEG = f"UPDATE position_legs SET {{}} WHERE position_id = {CLOSED} AND number = 2"
SIGNAL = "UPDATE recorded_signals SET {} WHERE id = (SELECT min(id) FROM recorded_signals WHERE status = '{}')"
LATER = "+ interval '1 microsecond'"
TAMPERED = [
    *((POSITION.format(f"{name} = {name} + 0.01"), name) for name in (
        "avg_entry_price", "worst_price", "best_unrealized_pnl", "current_price", "unrealized_pnl", "lowest_since_fill",
        "highest_since_fill", "exit_price", "realized_pnl", "gap_seconds", "rolled",
    )),
    *((POSITION.format(f"{name} = {name} {LATER}"), name) for name in (
        "worst_at", "best_at", "lowest_since_fill_at", "highest_since_fill_at", "opened_at", "closed_at",
    )),
    *((POSITION.format(f"{name} = {name} + 1"), name) for name in ("max_quantity", "ticks_seen", "place")),
    (POSITION.format("worst_unrealized_pnl = worst_unrealized_pnl - 0.01"), "worst_unrealized_pnl"),
    (POSITION.format("side = 'SHORT'"), "side"),
    (POSITION.format("ticker = 'MGC1!'"), "position opened by"),
    (POSITION.format("contract_id = (SELECT min(id) FROM contracts WHERE root = 'MES')"), "contract_id"),
    (POSITION.format("totals = jsonb_set(totals, '{entered_value}', '\"1\"')"), "totals"),
    (OPEN_POSITION.format("worst_unrealized_pnl = worst_unrealized_pnl - 0.01"), "worst_unrealized_pnl"),
    (OPEN_POSITION.format("ticks_seen = ticks_seen - 1"), "ticks_seen"),
    (OPEN_POSITION.format("total_quantity = total_quantity + 1"), "total_quantity"),
    (OPEN_POSITION.format("entries = jsonb_set(entries, '{0,entry_price}', '\"1\"')"), "entries"),
    (OPEN_POSITION.format("exit_plan = jsonb_set(exit_plan, '{rules,commission}', '\"7\"')"), "exit_plan"),
    (f"DELETE FROM recorder_positions WHERE id = {CLOSED}", "position opened by signal"),
    *((TRADE.format(f"{name} = {name} + 0.01"), name) for name in (
        "pnl", "pnl_ticks", "commission", "max_favorable", "worst_price", "gap_seconds", "entry_price", "exit_price",
    )),
    *((TRADE.format(f"{name} = {name} {LATER}"), name) for name in ("entry_time", "exit_time")),
    *((TRADE.format(f"{name} = {name} + 1"), name) for name in ("quantity", "ticks_seen")),
    (TRADE.format("max_adverse = max_adverse - 0.01"), "max_adverse"),
    (TRADE.format("side = 'SHORT'"), "side"),
    (TRADE.format("action = 'SELL'"), "action"),
    (TRADE.format("exit_reason = 'trail'"), "exit_reason"),
    (TRADE.format("signal_id = NULL"), "signal_id"),
    (TRADE.format("tp_price = 7"), "tp_price"),
    (TRADE.format("sl_ticks = 7"), "sl_ticks"),
    (TRADE.format("ticker = 'MES1!'"), "ticker"),
    (f"DELETE FROM recorded_trades WHERE position_id = {CLOSED} AND lot = 1", "trade of lot 1"),
    (f"DELETE FROM recorded_trades WHERE position_id = {OPEN}", "trade of lot 1"),
    (OPEN_TRADE.format("max_adverse = max_adverse - 0.01"), "max_adverse"),
    (OPEN_TRADE.format("ticks_seen = ticks_seen + 99"), "ticks_seen"),
    (OPEN_TRADE.format("quantity = quantity + 1"), "quantity"),
    *((LEG.format(f"{name} = {name} - 0.01"), name) for name in ("realized_before", "lowest_result", "highest_result")),
    *((LEG.format(f"{name} = {name} {LATER}"), name) for name in ("started_at", "ended_at")),
    (LEG.format("quantity = quantity + 1"), "quantity"),
    (f"DELETE FROM position_legs WHERE position_id = {CLOSED} AND number = 2", "leg 2"),
    (SIGNAL.format("status = 'ignored', reason = 'no'", "recorded"), "status"),
    (SIGNAL.format("reason = 'another'", "rejected"), "reason"),
    (SIGNAL.format("note = 'noted'", "recorded"), "note"),
    (SIGNAL.format("place = 0", "ignored"), "place"),
    (SIGNAL.format("sequence = sequence + 100", "ignored"), "sequence"),
    ("DELETE FROM recorded_signals WHERE status = 'ignored'", "signal_count"),
    ("UPDATE recorders SET signal_count = signal_count + 1", "signal_count"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "field"), TAMPERED, ids=[statement for statement, _ in TAMPERED])
def test_every_field_that_was_tampered_with_is_found(desk: Desk, statement: str, field: str) -> None:
    trade_a_day(desk)
    with desk.engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount > 0

    differences = found(audited(desk))

    assert any(field in each.partition(":")[0] for each in differences), differences


def retention_takes(desk: Desk, place: int, symbol: str = "MNQ1!") -> None:
    """Trim a symbol's log as publishing does, place included."""
    last = f"{place >> 20}-{place & 0xFFFFF}"
    desk.redis.xtrim(f"ticks:{symbol}", minid=f"{place >> 20}-{(place & 0xFFFFF) + 1}", approximate=False)
    desk.redis.hset("ticks:heads", f"{symbol}:trimmed", last)


def test_what_was_trimmed_is_counted_and_the_rest_is_checked(desk: Desk) -> None:
    recorder = desk.recorder(sl_enabled=True, sl_amount="8")
    for _ in range(3):
        desk.tick("100", "101")
        desk.alert(recorder, {"action": "buy", "price": "101"})
        place = desk.tick("97", "98.5")
        desk.settle()
    retention_takes(desk, desk.positions(recorder)[1]["place"])

    assert (found(audited(desk)), counts(audited(desk))) == ([], (1, 2))

    retention_takes(desk, place)
    assert (found(audited(desk)), counts(audited(desk))) == ([], (0, 3))


@pytest.mark.parametrize("stated", [{"contracts": 5}, {"market_position": "short", "contracts": 5}, {}])
def test_a_position_that_a_reversal_opened_is_checked_though_the_one_before_is_gone(
    desk: Desk, stated: dict[str, Any]
) -> None:
    recorder = desk.recorder(initial_position_size=2, max_contracts=4)
    desk.tick("100")
    desk.alert(recorder, {"action": "buy", "prev_market_position": "flat"})
    gone = desk.tick("101")
    desk.alert(recorder, {"action": "sell", "prev_market_position": "flat", **stated})
    desk.tick("99")
    desk.alert(recorder, {"action": "buy"})
    desk.settle()
    retention_takes(desk, gone - 1)

    assert (found(audited(desk)), counts(audited(desk))) == ([], (2, 1))


def test_a_close_all_is_right_for_what_is_checked_though_another_symbol_is_gone(desk: Desk) -> None:
    recorder = desk.recorder()
    desk.tick("50", symbol="MES1!")
    desk.alert(recorder, {"action": "buy", "ticker": "MES1!", "price": "50"})
    gone = desk.tick("51", symbol="MES1!")
    desk.tick("100")
    desk.alert(recorder, {"action": "buy", "price": "100"})
    desk.tick("101")
    desk.alert(recorder, {"action": "closeall", "price": "99"})
    desk.settle()
    retention_takes(desk, gone, "MES1!")

    assert (found(audited(desk)), counts(audited(desk))) == ([], (1, 1))


def test_a_log_that_was_lost_is_not_taken_for_a_whole_one(desk: Desk) -> None:
    recorder = desk.recorder()
    desk.tick("100")
    desk.alert(recorder, {"action": "buy", "price": "100"})
    desk.tick("90", "101")
    desk.settle()
    desk.lose_redis()
    desk.tick("102")
    desk.settle()

    assert (found(audited(desk)), counts(audited(desk))) == ([], (0, 1))


def test_a_position_that_waits_for_its_symbols_first_tick_is_checked(desk: Desk) -> None:
    recorder = desk.recorder()
    desk.tick("50", symbol="MES1!")
    desk.alert(recorder, {"action": "buy", "price": "100"})
    desk.catch_up()
    assert (found(audited(desk)), counts(audited(desk))) == ([], (1, 0))

    desk.tick("99")
    desk.settle()
    assert (found(audited(desk)), counts(audited(desk))) == ([], (1, 0))


def flush(desk: Desk) -> None:
    """Write how far the open position has come, and its trades' rows stay as they are, as between two fills."""
    with desk.engine.begin() as connection:
        (stored,) = lock_open_positions(connection, [desk.recorders[0].id])
        position = advance(stored.position, read_entries(desk.redis, "MNQ1!", after=stored.position.place))
        assert flush_positions(connection, [watched_from(replace(stored, position=position), Numbers())]) == {stored.id}


def test_trades_are_compared_as_they_were_last_written(desk: Desk) -> None:
    recorder = desk.recorder()
    desk.tick("100")
    desk.alert(recorder, {"action": "buy", "price": "100"})
    desk.tick("98", "103")
    desk.gap("0.0005")
    desk.settle()
    (written,) = desk.trades(recorder)
    desk.tick("90", "110")
    flush(desk)

    assert (written["max_adverse"], desk.position(recorder)["worst_unrealized_pnl"]) == (-4, -20)
    assert (found(audited(desk)), counts(audited(desk))) == ([], (1, 0))

    for change in ("ticks_seen = 3", "ticks_seen = 2, max_adverse = -20"):
        with desk.engine.begin() as connection:
            connection.execute(text(f"UPDATE recorded_trades SET {change}"))
        assert any("max_adverse" in each for each in found(audited(desk)))


def test_signals_that_wait_are_left_out(desk: Desk) -> None:
    recorder = trade_a_day(desk)
    desk.alert(recorder, {"action": "closeall"})

    assert found(audited(desk)) == []


def command(settings: Settings, monkeypatch: pytest.MonkeyPatch, *options: str) -> Result:
    for name in ("database_url", "redis_url", "secret_key"):
        monkeypatch.setenv(name.upper(), getattr(settings, name))
    return CliRunner().invoke(main, ["audit", *options])


def test_the_command_ends_with_0_where_all_is_as_computed(
    desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade_a_day(desk)

    done = command(settings, monkeypatch)

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "2 recorders, 7 positions checked, 0 skipped because their ticks are gone, 0 differences\n"


def test_the_command_prints_a_line_for_each_difference_and_ends_with_1(
    desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade_a_day(desk)
    with desk.engine.begin() as connection:
        connection.execute(text(POSITION.format("realized_pnl = 1234.5")))
    position = desk.positions(desk.recorders[0])[0]["id"]

    done = command(settings, monkeypatch, "--recorder", "R1", "--user", "trader")

    assert done.exit_code == 1
    first, summary = done.stdout.splitlines()
    assert first.startswith(f"R1, MNQ1!, position {position}, realized_pnl: 1234.5 in the database, ")
    assert summary.startswith("1 recorders, ")
    assert summary.endswith(", 1 differences")


@pytest.mark.parametrize("options", [("--recorder", "nobody"), ("--user", "nobody")])
@pytest.mark.usefixtures("desk")
def test_the_command_refuses_a_recorder_that_is_not_there(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    done = command(settings, monkeypatch, *options)

    assert done.exit_code == 2
    assert "nobody" in done.output
