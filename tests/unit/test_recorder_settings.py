import json
from dataclasses import fields, replace
from datetime import time
from decimal import Decimal

import pytest

from shared.domain.recorder_settings import (
    RecorderSettings,
    SettingsRefused,
    TakeProfitTarget,
    TimeWindow,
    parse_recorder_settings,
    settings_as_json,
)

# As users' programs know them: every name with its default, in JSON.
DEFAULTS: dict[str, object] = {
    "symbol": None, "strategy_type": "Futures", "recording_enabled": True,
    "initial_position_size": 1, "add_position_size": 1, "same_direction": "add", "opposite_signal": "reverse",
    "fill_price": "signal", "max_price_deviation": "10", "tp_units": "Ticks", "trim_units": "Contracts",
    "tp_targets": [], "sl_enabled": False, "sl_amount": "0", "sl_units": "Ticks", "sl_type": "Fixed",
    "stop_fill": "observed", "trail_trigger": "0", "trail_freq": 0, "break_even_enabled": False,
    "break_even_ticks": "0", "break_even_offset": "0", "avg_down_enabled": False, "avg_down_amount": 0,
    "avg_down_point": "0", "avg_down_units": "Ticks", "inverse": False, "direction_filter": "Both",
    "time_filter_1": None, "time_filter_2": None, "timezone": "America/New_York", "session_end": None,
    "cooldown_seconds": 0, "max_signals_per_session": 0, "max_daily_loss": "0", "max_contracts": 0,
    "take_every": 1, "commission": "0", "duplicate_window_seconds": 0,
}  # fmt: skip


def settings(**given: object) -> RecorderSettings:
    return parse_recorder_settings({"name": "A"} | given)


def errors(**given: object) -> dict[str, str]:
    with pytest.raises(SettingsRefused) as refusal:
        settings(**given)
    return refusal.value.errors


def test_the_defaults_are_those_that_users_know() -> None:
    assert settings_as_json(settings()) == {"name": "A"} | DEFAULTS


def test_null_and_blank_mean_not_given() -> None:
    assert settings(**dict.fromkeys(DEFAULTS)) == settings()
    assert settings(**dict.fromkeys(DEFAULTS, " ")) == settings()


def test_a_form_sends_text_and_means_the_same_as_json() -> None:
    form = settings(
        sl_enabled="true", sl_amount=" 20.0 ", max_contracts="3", recording_enabled="False", commission="1,000"
    )

    assert form == settings(
        sl_enabled=True, sl_amount=20, max_contracts=3.0, recording_enabled=False, commission=Decimal(1000)
    )


@pytest.mark.parametrize("unit", ["Ticks", "Points", "Percent", "Dollars"])
def test_what_is_available_can_be_set_and_reads_back_through_json(unit: str) -> None:
    chosen = settings(
        symbol="MNQ1!", recording_enabled=False, same_direction="ignore", opposite_signal="reduce", fill_price="market",
        max_price_deviation=0, tp_units=unit, trim_units="Percent", stop_fill="level", sl_enabled=True, sl_units=unit,
        tp_targets=[{"value": 40}, {"ticks": "20.5", "trim": "33.3"}], sl_amount="99.5", max_contracts=5,
        initial_position_size=0, commission="1.24", timezone="Europe/Zurich", session_end="15:55",
        sl_type="Trail", trail_trigger="8.5", trail_freq=4, break_even_enabled=True, break_even_ticks=6,
        break_even_offset="5.5", avg_down_enabled=True, avg_down_amount=2, avg_down_point="12.5", avg_down_units=unit,
        inverse=True, direction_filter="Short",
        time_filter_1={"start": "9:30", "stop": "16:00"}, time_filter_2={"start": "22:00", "stop": "02:00"},
        cooldown_seconds=90, max_signals_per_session=4, max_daily_loss="499.5", take_every=3,
    )  # fmt: skip

    assert chosen.tp_targets == (
        TakeProfitTarget(value=Decimal("20.5"), trim=Decimal("33.3")),
        TakeProfitTarget(value=Decimal(40), trim=None),
    )
    assert parse_recorder_settings(json.loads(json.dumps(settings_as_json(chosen)))) == chosen


def test_what_is_stored_with_later_settings_is_still_written() -> None:
    later = replace(settings(), time_filter_1=TimeWindow(start=time(9, 30), stop=time(16)))

    written = settings_as_json(later)

    assert written["time_filter_1"] == {"start": "09:30", "stop": "16:00"}


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("name", "", "is missing"),
        ("name", 5, "'5' is not one line of at most 100 characters"),
        ("name", "a\nb", "'a\\nb' is not one line of at most 100 characters"),
        ("name", "x" * 101, f"'{'x' * 57}...' is not one line of at most 100 characters"),
        ("symbol", ["MNQ"], "\"['MNQ']\" is not one line of at most 100 characters"),
        ("color", "red", "is not a setting"),
        ("initial_position_size", -1, "-1 is less than 0"),
        ("initial_position_size", 1.5, "1.5 is not whole"),
        ("initial_position_size", True, "'True' is not a number"),
        ("add_position_size", "two", "'two' is not a number"),
        ("add_position_size", 10**9, "1000000000 is beyond 999999999"),
        ("max_contracts", [3], "'[3]' is not a number"),
        ("max_price_deviation", "-1", "-1 is less than 0"),
        ("commission", float("nan"), "'nan' is not a number"),
        ("sl_amount", "0.0000000000001", "0.0000000000001 has more than 12 digits or 12 decimals"),
        ("recording_enabled", 1, "'1' is neither true nor false"),
        ("recording_enabled", "yes", "'yes' is neither true nor false"),
        ("same_direction", "Add", "'Add' is not one of add, ignore"),
        ("opposite_signal", 1, "'1' is not one of reverse, close, reduce, ignore"),
        ("tp_units", "Pips", "'Pips' is not one of Ticks, Points, Percent, Dollars"),
        ("timezone", "New York", "'New York' is not a time zone such as America/New_York"),
        ("timezone", "America", "'America' is not a time zone such as America/New_York"),
        ("timezone", "../../etc/passwd", "'../../etc/passwd' is not a time zone such as America/New_York"),
        ("time_filter_1", "09:30-16:00", "'09:30-16:00' is not a window with start and stop"),
        ("time_filter_1", {"start": "09:30"}, "\"{'start': '09:30'}\" is not a window with start and stop"),
        ("time_filter_2", {"start": "9:30", "stop": "24:00"}, "'24:00' is not a time of day such as 15:55"),
        ("time_filter_2", {"start": "9:30", "stop": "09:30"}, "start and stop are both 09:30"),
        ("session_end", 1555, "'1555' is not a time of day such as 15:55"),
        ("trail_freq", "1.5", "1.5 is not whole"),
        ("take_every", 0, "0 is less than 1"),
        ("tp_targets", "20", "must be a list of targets"),
        ("tp_targets", {"value": 20}, "must be a list of targets"),
        ("tp_targets", [20], "target 1: needs a value and may have a trim, nothing else"),
        ("tp_targets", [{"trim": 1}], "target 1: needs a value and may have a trim, nothing else"),
        ("tp_targets", [{"value": 1, "ticks": 1}], "target 1: needs a value and may have a trim, nothing else"),
        ("tp_targets", [{"value": 1, "trimm": 1}], "target 1: needs a value and may have a trim, nothing else"),
        ("tp_targets", [{"value": 1, "trim": 1}, {"value": 0}], "target 2: 0 is not more than 0"),
        ("tp_targets", [{"value": 5, "trim": 0}], "target 1: 0 is not more than 0"),
        ("tp_targets", [{"value": 5, "trim": 1.5}], "a trim of 1.5 contracts is not whole"),
        ("tp_targets", [{"value": 5}, {"value": 9, "trim": 1}], "only the farthest target may come without trim"),
    ],
)
def test_a_wrong_value_is_refused_with_field_and_reason(field: str, value: object, reason: str) -> None:
    assert errors(**{field: value}) == {field: reason}


@pytest.mark.parametrize("later", [{"sl_enabled": True}, {"sl_enabled": True, "sl_amount": 0}])
def test_a_stop_loss_that_is_on_needs_an_amount(later: dict[str, object]) -> None:
    assert errors(**later) == {"sl_amount": "must be more than 0 while the stop loss is on"}


def test_a_stop_that_trails_is_a_stop_that_is_on() -> None:
    assert errors(sl_type="Trail") == {"sl_type": "Trail needs the stop loss to be on"}
    assert settings(sl_type="Trail", sl_enabled=True, sl_amount=20).sl_type == "Trail"


@pytest.mark.parametrize(("trigger", "offset"), [(0, 0), (4, 4), ("4.5", 5)])
def test_a_break_even_stop_stands_before_its_trigger(trigger: object, offset: object) -> None:
    chosen = {"break_even_ticks": trigger, "break_even_offset": offset}
    assert errors(break_even_enabled=True, **chosen) == {
        "break_even_offset": "must be less than break_even_ticks while break-even is on"
    }
    assert not settings(**chosen).break_even_enabled


def test_averaging_down_has_a_size_a_distance_and_an_end() -> None:
    reason = "must be more than 0 while average down is on"
    assert errors(avg_down_enabled=True) == dict.fromkeys(
        ("max_contracts", "avg_down_amount", "avg_down_point"), reason
    )
    assert settings(avg_down_enabled=True, avg_down_amount=1, avg_down_point="2.5", max_contracts=3).avg_down_enabled


def test_percentages_have_their_limits() -> None:
    assert errors(sl_units="Percent", sl_amount=100) == {"sl_amount": "must be less than 100 per cent"}
    assert settings(sl_units="Ticks", sl_amount=100).sl_amount == 100

    leg = {"value": 5, "trim": "100.5"}
    assert errors(trim_units="Percent", tp_targets=[leg]) == {"tp_targets": "a trim of 100.5 is more than 100 per cent"}
    assert settings(trim_units="Contracts", tp_targets=[{"value": 5, "trim": 101}]).tp_targets[0].trim == 101


def test_every_error_is_named_at_once_on_one_line() -> None:
    with pytest.raises(SettingsRefused) as refusal:
        parse_recorder_settings({"sl_enabled": True, "inverse": "yes", "commission": "x", "a\nb": 1})

    assert set(refusal.value.errors) == {"name", "sl_amount", "inverse", "commission", "a\nb"}
    assert "\n" not in str(refusal.value)
    assert "commission: 'x' is not a number" in str(refusal.value)


def test_every_setting_has_a_default_but_the_name() -> None:
    assert {each.name for each in fields(RecorderSettings)} == {"name", *DEFAULTS}
