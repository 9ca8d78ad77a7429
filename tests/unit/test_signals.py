import json
from decimal import Decimal

import pytest

from shared.domain.signals import Action, Signal, SignalRefused, parse_quantity, parse_signal

EVERY_WORD = {
    Action.BUY: "buy, long, enterlong, openlong, startlong, golong",
    Action.SELL: "sell, short, entershort, openshort, startshort, goshort",
    Action.EXIT: "close, exit, flat, flatten, closeposition, closeall, exitall",
    Action.EXIT_LONG: "closelong, exitlong, closebuy",
    Action.EXIT_SHORT: "closeshort, exitshort, closesell",
    Action.TAKE_PROFIT: "tphit, takeprofit",
    Action.STOP_LOSS: "slhit, stoploss",
    Action.REVERSE: "reverse",
    Action.PRICE_ALERT: "pricealert",
}


def signal(**fields: object) -> Signal:
    return parse_signal(json.dumps(fields))


def buy(**fields: object) -> Signal:
    return signal(action="buy", ticker="MNQ1!", **fields)


def reason(body: bytes | str) -> str:
    with pytest.raises(SignalRefused) as refusal:
        parse_signal(body)
    return refusal.value.reason


def why_not(**fields: object) -> str:
    return reason(json.dumps({"action": "buy", "ticker": "MNQ1!"} | fields))


@pytest.mark.parametrize(("action", "word"), [(a, w) for a, words in EVERY_WORD.items() for w in words.split(", ")])
@pytest.mark.parametrize("spell", [str, str.upper, lambda word: f" {word[:2]}_{word[2:4]}-{word[4:]} "])
def test_every_action_word_is_known_in_every_spelling(action: Action, word: str, spell: object) -> None:
    assert callable(spell)
    assert signal(action=spell(word), ticker="MNQ1!").action is action


@pytest.mark.parametrize("word", ["close all", "exit_all", "CLOSEALL"])
def test_close_all_without_a_symbol_is_for_every_position(word: str) -> None:
    read = signal(action=word)

    assert read.action is Action.CLOSE_ALL
    assert read.symbol_text is None


@pytest.mark.parametrize(
    "key", ["action", "order_action", "side", "signal", "direction", "order_type", "type", "ACTION"]
)
def test_the_action_stands_under_any_of_its_keys(key: str) -> None:
    assert signal(**{key: "sell"}).action is Action.SELL


def test_the_first_key_that_is_not_empty_wins() -> None:
    read = parse_signal(
        '{"direction":"sell","side":"buy","action":"","ticker":null,"instrument":"ES","symbol":"NQ",'
        '"close":2,"price":"","last":3,"qty":"","contracts":4,"size":5}'
    )

    assert (read.action, read.symbol_text, read.price, read.quantity_text) == (Action.BUY, "NQ", Decimal(2), "4")


def test_a_type_that_is_no_action_word_is_no_action() -> None:
    assert reason('{"type":"limit","ticker":"MNQ1!"}') == "no action"
    assert signal(type="limit", order_type="sell").action is Action.SELL
    assert signal(type="sell", action="buy").action is Action.BUY


@pytest.mark.parametrize(
    ("fields", "position", "size"),
    [
        ({"market_position": "long", "position_size": "2"}, "long", 2),
        ({"market_position": "short", "position_size": -2}, "short", -2),
        ({"market_position": "SHORT", "position_size": 2}, "short", -2),
        ({"market_position": "short", "market_position_size": "2.0"}, "short", -2),
        ({"market_position": "long", "market_position_size": 3}, "long", 3),
        ({"market_position": "flat"}, "flat", 0),
        ({"market_position": "flat", "position_size": 2}, "flat", 0),
        ({"market_position": "long", "position_size": 0}, "long", 0),
        ({"market_position": "long"}, "long", None),
        ({"position_size": -3}, None, -3),
        ({"position_size": "0"}, None, 0),
        ({"position_size": -3, "market_position_size": 3}, None, -3),
        ({"position": "short"}, "short", None),
        ({"sentiment": "bullish"}, "long", None),
        ({"sentiment": "Bearish", "position_size": 4}, "short", -4),
    ],
)
def test_a_stated_position_becomes_one_signed_size(fields: dict[str, object], position: str, size: int | None) -> None:
    read = signal(**fields)

    assert (read.market_position, read.position_size) == (position, size)
    assert read.signal_type == "strategy"
    assert read.action is None


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"prev_market_position": "long", "prev_market_position_size": 2}, 2),
        ({"prev_market_position": "short", "prev_market_position_size": 2}, -2),
        ({"prev_market_position": "flat", "prev_market_position_size": 0}, 0),
        ({"prev_market_position": "flat"}, 0),
        ({"prev_market_position": "long"}, None),
        ({"prev_position_size": -2}, -2),
        ({"prev_position_size": "0"}, 0),
        ({"prev_position_size": -2, "prev_market_position_size": 2}, -2),
        ({"prev_market_position_size": 2}, None),
        ({"prev_market_position_size": 0}, 0),
        ({}, None),
    ],
)
def test_the_size_before_is_signed_where_its_side_is_known(fields: dict[str, object], size: int | None) -> None:
    read = buy(**fields)

    assert read.previous_size == size
    assert read.signal_type == "alert"


@pytest.mark.parametrize(
    ("written", "price"),
    [
        ("2", "2"),
        (2.0, "2"),
        ("2.00", "2"),
        ("21,500.25", "21500.25"),
        (" .5 ", "0.5"),
        ("1e3", "1000"),
        (1e-7, "0.0000001"),
        ("+5", "5"),
        ("1,234,567", "1234567"),
        ("999999999999.999999999999", "999999999999.999999999999"),
    ],
)
def test_a_price_reads_exactly(written: object, price: str) -> None:
    read = buy(price=written).price

    assert read is not None
    assert format(read, "f") == price


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("NaN", "'NaN' is not a number"),
        (float("inf"), "'Infinity' is not a number"),
        ("-inf", "'-inf' is not a number"),
        (0, "0 is not more than 0"),
        ("-0.0", "-0.0 is not more than 0"),
        (-5, "-5 is not more than 0"),
        ("21.500,25", "'21.500,25' is not a number"),
        ("2150,25", "'2150,25' is not a number"),
        ("21,50", "'21,50' is not a number"),
        ("1,2345", "'1,2345' is not a number"),
        ("1_000", "'1_000' is not a number"),
        ("$5", "'$5' is not a number"),
        ("٥", "'٥' is not a number"),  # noqa: RUF001 - a digit of another script
        (True, "'true' is not a number"),
        ("{{close}}", "unresolved placeholder {{close}}"),
        ("1000000000000", "1000000000000 has more than 12 digits or 12 decimals"),
        ("0.0000000000001", "0.0000000000001 has more than 12 digits or 12 decimals"),
        ("1e999", "1e999 has more than 12 digits or 12 decimals"),
        ("1e-999", "1e-999 has more than 12 digits or 12 decimals"),
        ("9" * 5000, f"{'9' * 57}... has more than 12 digits or 12 decimals"),
        ([1], "['1'] is not a single value"),
    ],
)
def test_a_price_that_is_none_is_refused_with_what_was_sent(written: object, complaint: str) -> None:
    assert why_not(price=written) == f"price: {complaint}"


def test_a_huge_integer_in_json_is_refused_like_any_number_too_large() -> None:
    assert reason('{"action":"buy","price":' + "9" * 10_000 + "}").startswith("price: 999")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"action":"{{strategy.order.action}}","ticker":"{{ticker}}"}', "symbol: unresolved placeholder {{ticker}}"),
        ('{"action":"{{strategy.order.action}}"}', "action: unresolved placeholder {{strategy.order.action}}"),
        ("{{strategy.order.alert_message}}", "action: unresolved placeholder {{strategy.order.alert_message}}"),
        ('{"action":"hold"}', "action: 'hold' is not an action"),
        ("hello world", "action: 'hello world' is not an action"),
        ('"buy', "action: '\"buy' is not an action"),
        ("{}", "no action"),
        ('{"ticker":"MNQ1!","prev_position_size":2}', "no action"),
        ('{"market_position":"up"}', "market position: 'up' is not long, short or flat"),
        ('{"position":2}', "market position: '2' is not long, short or flat"),
        ('{"position_size":1.5}', "position size: 1.5 is not whole"),
        ('{"position_size":1000000000}', "position size: 1000000000 is beyond 999999999"),
        ('{"market_position_size":2}', "position size: 2 has no side, send market_position with it"),
        ('{"market_position":"long","position_size":-2}', "position size: -2 contradicts market position long"),
        ('{"action":"buy","prev_position_size":"x"}', "previous: 'x' is not a number"),
        ('{"action":"buy","prev_market_position":"x"}', "previous: 'x' is not long, short or flat"),
        ('{"action":"buy","time":"soon"}', "time: 'soon' is not a time"),
        ('{"action":"buy","time":"{{timenow}}"}', "time: unresolved placeholder {{timenow}}"),
        ('{"action":"buy","id":"{{x}}"}', "id: unresolved placeholder {{x}}"),
        ('{"action":"buy","recorder":"{{x}}"}', "recorder: unresolved placeholder {{x}}"),
        ('{"action":"buy","recorder":"%s"}' % ("x" * 201), f"recorder: '{'x' * 57}...' is longer than 200 characters"),
        ('{"action":"buy","sl":"x"}', "sl: 'x' is not a number"),
    ],
)
def test_a_body_that_is_no_signal_is_refused_with_field_and_value(body: str, expected: str) -> None:
    assert reason(body) == expected


def test_a_strategy_alert_reads_whole() -> None:
    read = parse_signal(
        b'{"strategy":"A","alert_id":7,"action":"sell","ticker":"CME_MINI:MNQ1!","price":25850.25,"contracts":"2",'
        b'"market_position":"long","position_size":1,"prev_position_size":3,"timenow":"2026-02-18T14:30:01Z"}'
    )

    assert read == Signal(
        action=Action.SELL,
        symbol_text="CME_MINI:MNQ1!",
        price=Decimal("25850.25"),
        quantity_text="2",
        market_position="long",
        position_size=1,
        previous_size=3,
        occurred_at=1_771_425_001 * 10**9,
        alert_id="7",
        recorder_name="A",
        signal_type="strategy",
    )


@pytest.mark.parametrize("key", ["message", "text", "Message"])
def test_an_object_around_a_text_is_read_as_that_text(key: str) -> None:
    read = signal(**{key: "DCA: SELL, Price = 150.25, Ticker = ES, Amount = -2"}, id="7", source="x")

    assert read == Signal(
        action=Action.SELL,
        symbol_text="ES",
        price=Decimal("150.25"),
        quantity_text="2",
        alert_id="7",
        recorder_name="DCA",
    )


def test_a_text_beside_a_trade_is_a_comment() -> None:
    assert buy(message="sell everything").action is Action.BUY


def test_an_object_may_be_wrapped_twice() -> None:
    inner = json.dumps({"text": json.dumps({"action": "buy", "qty": -2})})

    assert signal(message=inner).action is Action.BUY
    assert signal(message=inner).quantity_text == "-2"


def test_a_quantity_is_checked_only_when_it_is_used() -> None:
    assert buy(quantity="{{strategy.order.contracts}}").quantity_text == "{{strategy.order.contracts}}"
    assert buy(quantity=[1]).quantity_text == "['1']"
    assert buy(quantity=1.50).quantity_text == "1.5"


def test_only_text_alerts_sign_a_quantity_by_direction() -> None:
    assert parse_signal("S: sell, Amount = -1").quantity_text == "1"
    assert signal(action="sell", amount=-1).quantity_text == "-1"


@pytest.mark.parametrize(
    ("text", "quantity"), [("2", 2), ("2.0", 2), ("1,000", 1000), (" 3 ", 3), ("999999999", 999_999_999)]
)
def test_a_quantity_is_a_whole_number(text: str, quantity: int) -> None:
    assert parse_quantity(text) == quantity


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.5", "quantity: 1.5 is not whole"),
        ("0", "quantity: 0 is not more than 0"),
        ("-2", "quantity: -2 is not more than 0"),
        ("NaN", "quantity: 'NaN' is not a number"),
        ("1000000000", "quantity: 1000000000 is beyond 999999999"),
        ("{{strategy.order.contracts}}", "quantity: unresolved placeholder {{strategy.order.contracts}}"),
    ],
)
def test_a_quantity_that_cannot_be_traded_is_refused(text: str, expected: str) -> None:
    with pytest.raises(SignalRefused) as refusal:
        parse_quantity(text)

    assert refusal.value.reason == expected
