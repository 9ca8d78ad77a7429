import json
from decimal import Decimal

import pytest

from shared.domain.overrides import NO_OVERRIDES, ExitOverride, Overrides, TargetOverride, resolve_bare
from shared.domain.signals import SignalRefused, parse_signal

OFF = ExitOverride(kind="off", value=Decimal(0))


def overrides(**fields: object) -> Overrides:
    return parse_signal(json.dumps({"action": "buy"} | fields)).overrides


def exit_(kind: str, value: str) -> ExitOverride:
    return ExitOverride(kind=kind, value=Decimal(value))  # type: ignore[arg-type]


STOP_KEYS = {
    "sl_ticks": "ticks",
    "SL_Points": "points",
    "sl_price": "price",
    "stopLoss": "price",
    "dollar_sl": "dollars",
    "sl_dollar": "dollars",
    "dollars_sl": "dollars",
    "sl_dollars": "dollars",
    "sl_percent": "percent",
    "percent_sl": "percent",
    "sl": "bare",
    "stop_loss": "bare",
}
TARGET_KEYS = {
    "tp_ticks": "ticks",
    "tp_points": "points",
    "TP_PRICE": "price",
    "takeProfit": "price",
    "dollar_tp": "dollars",
    "tp_dollar": "dollars",
    "dollars_tp": "dollars",
    "tp_dollars": "dollars",
    "tp_percent": "percent",
    "percent_tp": "percent",
    "tp": "bare",
    "take_profit": "bare",
}


@pytest.mark.parametrize(("key", "kind"), STOP_KEYS.items())
def test_a_stop_stands_under_any_of_its_keys(key: str, kind: str) -> None:
    assert overrides(**{key: "12.5"}) == Overrides(stop=exit_(kind, "12.5"))
    assert overrides(**{key: 0}) == Overrides(stop=OFF)


@pytest.mark.parametrize(("key", "kind"), TARGET_KEYS.items())
def test_a_target_stands_under_any_of_its_keys(key: str, kind: str) -> None:
    assert overrides(**{key: 20}) == Overrides(targets=(TargetOverride(exit_(kind, "20"), None),))
    assert overrides(**{key: "0.0"}) == Overrides(targets=(TargetOverride(OFF, None),))


def test_a_body_without_them_leaves_the_settings_in_force() -> None:
    assert overrides(sl=None, tp="", tp1=21530, sl_ticks=" ", take_profit=[]) == NO_OVERRIDES


def test_a_unit_that_is_named_wins_over_a_bare_number() -> None:
    assert overrides(sl=30, sl_ticks=40).stop == exit_("ticks", "40")


@pytest.mark.parametrize(
    ("stated", "stop"),
    [
        ({"type": "fixed", "loss_ticks": 7}, exit_("ticks", "7")),
        ({"Loss_Points": "1.5"}, exit_("points", "1.5")),
        ({"percent": 2}, exit_("percent", "2")),
        ({"loss_dollars": 50, "note": "x"}, exit_("dollars", "50")),
        ({"type": "stop", "stopPrice": 21480}, exit_("price", "21480")),
        ({"loss_ticks": 0}, OFF),
    ],
)
def test_a_stop_may_be_an_object(stated: dict[str, object], stop: ExitOverride) -> None:
    assert overrides(stop_loss=stated).stop == stop


def test_targets_may_be_a_list_of_legs() -> None:
    legs = [{"gain_ticks": 15, "trim_percent": 50}, {"gain_ticks": "30", "trim_percent": "100"}]

    assert overrides(take_profit=legs).targets == (
        TargetOverride(exit_("ticks", "15"), Decimal(50)),
        TargetOverride(exit_("ticks", "30"), Decimal(100)),
    )
    assert overrides(takeProfit={"limitPrice": 21600}).targets == (TargetOverride(exit_("price", "21600"), None),)
    assert overrides(tp_ticks=[20]).targets == (TargetOverride(exit_("ticks", "20"), None),)


def test_risk_is_an_amount_of_money() -> None:
    assert overrides(risk_dollars="200.50").risk_dollars == Decimal("200.5")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"sl_ticks": "NaN"}, "sl_ticks: 'NaN' is not a number"),
        ({"sl_ticks": -4}, "sl_ticks: -4 is less than 0"),
        ({"stopLoss": "{{plot_0}}"}, "stoploss: unresolved placeholder {{plot_0}}"),
        ({"sl": [20]}, "sl: ['20'] is not a number"),
        ({"sl": True}, "sl: 'true' is not a number"),
        ({"sl_percent": 100}, "sl_percent: 100 is not less than 100 per cent"),
        ({"sl_ticks": 20, "sl": "x"}, "sl: 'x' is not a number"),
        ({"stop_loss": {"type": "trailing", "loss_ticks": 7}}, "stop_loss: an alert cannot make a stop trail"),
        ({"stopLoss": {"trailPercent": 1, "percent": 2}}, "stoploss: an alert cannot make a stop trail"),
        ({"stop_loss": {"type": "fixed"}}, "stop_loss: {'type': 'fixed'} does not state exactly one distance or price"),
        ({"sl": {"loss_ticks": 1, "price": 2}}, "sl: {'loss_ticks': '1', 'price': '2'} does not state exactly one"),
        ({"sl": {"loss_ticks": None}}, "sl: None is not a number"),
        ({"tp": [10, 20]}, "tp: only the last target may come without trim_percent"),
        ({"tp": [{"gain_ticks": 0, "trim_percent": 5}, {"ticks": 9}]}, "tp: 0 stands among other targets"),
        ({"tp": [{"gain_ticks": 9, "trim_percent": 0}]}, "tp: 0 is not more than 0"),
        ({"tp": [{"gain_ticks": 9, "trim_percent": 101}]}, "tp: trim_percent 101 is more than 100"),
        ({"tp": [{"trim_percent": 100}]}, "tp: {'trim_percent': '100'} does not state exactly one distance"),
        ({"tp": [[1]]}, "tp: ['1'] is not a number"),
        ({"risk_dollars": 0}, "risk_dollars: 0 is not more than 0"),
        ({"risk_dollars": {}, "tp_percent": "2%"}, "tp_percent: '2%' is not a number"),
        ({"risk_dollars": [1]}, "risk_dollars: ['1'] is not a number"),
    ],
)
def test_a_bad_value_is_refused_under_its_key(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(SignalRefused) as refusal:
        overrides(**fields)

    assert refusal.value.reason.startswith(reason)


@pytest.mark.parametrize(
    ("value", "kind"),
    [("49.99", "ticks"), ("50", "price"), ("100", "price"), ("150", "price"), ("150.01", "ticks"), ("20", "ticks")],
)
def test_a_bare_number_is_a_price_near_the_fill_and_ticks_elsewhere(value: str, kind: str) -> None:
    assert resolve_bare(exit_("bare", value), Decimal(100)) == exit_(kind, value)


def test_a_bare_number_is_ticks_where_the_market_is_below_zero() -> None:
    assert resolve_bare(exit_("bare", "20"), Decimal("-37.63")) == exit_("ticks", "20")


@pytest.mark.parametrize("kind", ["ticks", "price", "percent", "off"])
def test_a_number_with_its_unit_stays_what_it_is(kind: str) -> None:
    assert resolve_bare(exit_(kind, "100"), Decimal(100)) == exit_(kind, "100")
