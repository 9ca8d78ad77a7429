"""Exported logs say all that decided what came of them: their replay is what the workers recorded."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.main import main
from shared.domain.timestamps import to_datetime
from shared.settings import Settings
from shared.store.contracts import contracts_in_force
from shared.store.signal_intake import NewSignal, insert_signal
from shared.store.signals import MANUAL
from tests.trading import Desk, Recorder, assert_as_replayed

TIMED = {"action": "buy", "price": "100", "time": "2026-11-20T15:00:00Z"}


def exported(desk: Desk, recorder: Recorder, directory: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The lines of the signals, and what the settings say of the recorder."""
    _, signals, settings = desk.export(recorder, directory)
    lines = [json.loads(line) for line in signals.read_text().splitlines()]
    (stated,) = json.loads(settings.read_text())["recorders"]
    return lines, stated


def test_signals_name_the_settings_that_were_in_force_where_others_are_now(desk: Desk, tmp_path: Path) -> None:
    first = desk.recorder(sl_enabled=True, sl_amount="40", commission="1")
    desk.tick("100")
    desk.alert(first, {"action": "buy"})
    second = desk.edit(first, sl_amount="8", symbol="MES1!")
    desk.tick("100", symbol="MES1!")
    desk.alert(second, {"action": "sell"})
    third = desk.edit(second, sl_enabled=False, symbol="MNQ1!")
    desk.tick("95", symbol="MNQ1!")
    desk.tick("103", symbol="MES1!")
    desk.alert(third, {"action": "buy"})
    desk.alert(first, {"action": "buy"})
    desk.tick("89")

    assert_as_replayed(desk)
    lines, stated = exported(desk, third, tmp_path)

    assert [line.get("settings") for line in lines] == [first.settings_id, second.settings_id, None, first.settings_id]
    assert [(each["version"], each["sl_amount"], each["symbol"]) for each in stated["versions"]] == [
        (first.settings_id, "40", "MNQ1!"),
        (second.settings_id, "8", "MES1!"),
    ]
    assert [each["contract"]["multiplier"] for each in (stated, *stated["versions"])] == ["2", "2", "5"]
    assert [each["exit_reason"] for each in desk.trades(third) if each["ticker"] == "MES1!"] == ["sl"]


def test_without_edits_the_files_are_as_they_always_were(desk: Desk, tmp_path: Path) -> None:
    recorder = desk.recorder()
    desk.tick("100")
    desk.alert(recorder, TIMED)
    desk.alert(recorder, {"action": "close"})
    desk.settle()

    lines, stated = exported(desk, recorder, tmp_path)

    assert [set(line) for line in lines] == [{"time", "recorder", "after", "body"}] * 2
    assert "versions" not in stated


def test_what_was_closed_by_hand_is_so_in_the_replay(desk: Desk, tmp_path: Path) -> None:
    recorder = desk.recorder()
    desk.tick("100")
    desk.alert(recorder, {"action": "buy"})
    desk.tick("98", "99")
    desk.alert(recorder, {"action": "close", "ticker": "MNQ1!"}, signal_type=MANUAL)
    desk.alert(recorder, {"action": "sell"})
    desk.alert(recorder, {"action": "closeall"}, signal_type=MANUAL)

    assert_as_replayed(desk)
    lines, _ = exported(desk, recorder, tmp_path)

    assert [line.get("manual") for line in lines] == [None, True, None, True]
    assert [each["exit_reason"] for each in desk.replayed(recorder)["trades"]] == ["manual", "manual"]


def test_what_was_kept_is_no_duplicate_in_the_replay(desk: Desk, tmp_path: Path) -> None:
    """Sent again by its user within the minute, sent again by TradingView after it, and closed by hand twice."""
    recorder = desk.recorder()
    desk.tick("100")
    began = to_datetime(desk.now)
    for seconds in (0, 59, 61, 62):
        desk.alert(recorder, TIMED, received_at=began + timedelta(seconds=seconds))
    for _ in range(2):
        desk.alert(recorder, {"action": "close", "id": "1"}, signal_type=MANUAL)

    assert_as_replayed(desk)
    lines, _ = exported(desk, recorder, tmp_path)

    assert [line.get("kept") for line in lines] == [None, True, None, True, None, None]
    assert desk.trades(recorder)[-1]["lot"] == 4


def test_the_window_of_a_recorder_decides_what_looks_like_a_duplicate(desk: Desk, tmp_path: Path) -> None:
    recorder = desk.recorder(duplicate_window_seconds=5)
    desk.tick("100")
    began = to_datetime(desk.now)
    for seconds in (0, 5, 6):
        desk.alert(recorder, {"action": "buy"}, received_at=began + timedelta(seconds=seconds))

    assert_as_replayed(desk)
    lines, _ = exported(desk, recorder, tmp_path)

    assert [line.get("kept") for line in lines] == [None, True, None]


def test_a_contract_that_was_corrected_holds_for_the_signals_after_it(desk: Desk, tmp_path: Path) -> None:
    recorder = desk.recorder()
    with desk.engine.connect() as connection:
        packaged = contracts_in_force(connection, desk.user_id).by_root
    desk.contract(replace(packaged["MNQ"], multiplier=Decimal(3)))
    desk.tick("100")
    desk.alert(recorder, {"action": "buy"})
    desk.tick("101")
    desk.alert(recorder, {"action": "close"})
    desk.contract(replace(packaged["MNQ"], multiplier=Decimal(7)))
    desk.contract(replace(packaged["MNQ"], root="OWN", tick_size=Decimal("0.5")))
    desk.alert(recorder, {"action": "buy"})
    desk.tick("102")
    desk.alert(recorder, {"action": "close"})
    desk.alert(recorder, {"action": "buy", "ticker": "own", "price": "7"})

    assert_as_replayed(desk)
    lines, stated = exported(desk, recorder, tmp_path)

    assert [each["pnl"] for each in desk.trades(recorder)] == [3, 7, None]
    assert stated["contract"]["multiplier"] == "7"
    assert [line.get("contract", {}).get("multiplier") for line in lines] == ["3", "3", None, None, "2"]


def test_a_refused_body_is_exported_byte_for_byte_behind_what_was_applied(desk: Desk, tmp_path: Path) -> None:
    recorder = desk.recorder()
    place = desk.tick("100")
    body = b"\x00\xff no signal \xc3\xa4"
    with desk.engine.begin() as connection:
        refused = NewSignal(
            user_id=desk.user_id,
            recorder_id=recorder.id,
            settings_id=recorder.settings_id,
            raw_data=body,
            received_at=to_datetime(desk.now),
            status="rejected",
            reason="no action",
        )
        insert_signal(connection, refused)
    desk.alert(recorder, {"action": "buy"})
    desk.settle()

    lines, _ = exported(desk, recorder, tmp_path)

    assert lines[1]["body"].encode("utf-8", "surrogateescape") == body
    assert lines[1]["after"] == lines[0]["after"] == f"{place >> 20}-{place & (1 << 20) - 1}"
    assert [each["status"] for each in desk.replayed(recorder)["signals"]] == ["recorded", "rejected"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"settings": 7}, "settings: 7 is no version of 'R1' in the settings"),
        ({"settings": True}, "settings: must be the version of a recorder's settings"),
        ({"manual": 1}, "manual: must be true or false"),
        ({"kept": "yes"}, "kept: must be true or false"),
        ({"contract": 5}, "contract: must be an object"),
        ({"contract": {"root": "MNQ"}}, "contract: needs exactly the columns"),
        ({"recorder": "R2"}, "recorder: 'R2' is not in the settings"),
    ],
)
def test_a_line_that_cannot_be_is_named_with_its_field(
    desk: Desk, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    recorder = desk.recorder()
    desk.tick("100")
    desk.alert(recorder, {"action": "buy"})
    desk.settle()
    ticks, signals, settings = desk.export(recorder, tmp_path)
    signals.write_text(json.dumps(json.loads(signals.read_text()) | change))

    done = CliRunner().invoke(
        main, ["replay", "--ticks", str(ticks), "--signals", str(signals), "--settings", str(settings)]
    )

    assert done.exit_code == 2
    assert f"{signals}, line 1, {said}" in done.output


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        ({}, "recorder 1: versions: must be"),
        ([{"name": "R1"}], "recorder 1, version 1: version: is missing"),
        ([{"version": 1, "name": "R1"}] * 2, "recorder 1, version 2: version: stands there twice"),
        ([{"version": 1, "name": "R1", "sl_amount": "x"}], "recorder 1, version 1: sl_amount: "),
    ],
)
def test_versions_that_cannot_be_are_refused(desk: Desk, tmp_path: Path, versions: object, said: str) -> None:
    recorder = desk.recorder()
    ticks, signals, settings = desk.export(recorder, tmp_path)
    stated = json.loads(settings.read_text())["recorders"][0]
    settings.write_text(json.dumps({"recorders": [stated | {"versions": versions}]}))

    done = CliRunner().invoke(
        main, ["replay", "--ticks", str(ticks), "--signals", str(signals), "--settings", str(settings)]
    )

    assert done.exit_code == 2
    assert f"{settings}: {said}" in done.output


def test_the_command_writes_the_files_that_the_replay_takes(
    desk: Desk, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = desk.recorder()
    desk.tick("100")
    desk.alert(recorder, {"action": "buy"})
    desk.settle()
    for name in ("database_url", "redis_url", "secret_key"):
        monkeypatch.setenv(name.upper(), getattr(settings, name))

    done = CliRunner().invoke(main, ["export-logs", "--recorder", "R1", "--out", str(tmp_path / "logs")])

    assert done.exit_code == 0, done.output
    assert "1 signals written" in done.output
    assert {path.name for path in (tmp_path / "logs").iterdir()} == {"ticks.csv", "signals.jsonl", "settings.json"}
