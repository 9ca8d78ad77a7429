import time
from contextlib import suppress

import pytest

from shared.domain.bodies import read_body
from shared.domain.refusals import SignalRefused


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ('{"Action":"BUY","Price":21500.0}', {"action": "BUY", "price": "21500.0"}),
        ('{"a":1.10,"b":1e3,"c":-0,"d":NaN}', {"a": "1.10", "b": "1e3", "c": "-0", "d": "NaN"}),
        ('{"a":true,"b":false}', {"a": "true", "b": "false"}),
        ('{"a":null,"b":"","c":" \\t","d":[],"e":{}}', {}),
        ('{"a":[{"b":1.5}]}', {"a": [{"b": "1.5"}]}),
        ('{"ticker":"MNQ1\\!"}', {"ticker": "MNQ1!"}),
        ('{"ticker":"MNQ1\\\\!"}', {"ticker": "MNQ1\\!"}),
        ('{"note":"two\nlines"}', {"note": "two\nlines"}),
        ('{"a":"1","A":"2"," a ":"3"}', {"a": "3"}),
        ('{"ticker":"MNQ1!","Ticker":""}', {"ticker": "MNQ1!"}),
        ('{"a":"x\\u0000\\ud800"}', {"a": "x\ufffd\ufffd"}),
        ('{"\\ud800":1}', {"\ufffd": "1"}),
        ("{}", {}),
    ],
)
def test_a_json_object_becomes_fields_without_rounding_a_number(body: str, fields: dict[str, object]) -> None:
    read = read_body(body)

    assert read.fields == fields
    assert not read.is_text


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ("buy", {"action": "buy"}),
        ("close long", {"action": "close long"}),
        ("{{strategy.order.action}}", {"action": "{{strategy.order.action}}"}),
        ("STRAT: sell", {"recorder": "STRAT", "action": "sell"}),
        (
            "My strat v2: sell, Price = 25850.25, Ticker = CME_MINI:MNQ1!",
            {"recorder": "My strat v2", "action": "sell", "price": "25850.25", "ticker": "CME_MINI:MNQ1!"},
        ),
        ("S: sell, Action = buy, Recorder = X", {"recorder": "S", "action": "sell"}),
        ("S: sell\nPrice = 1;Ticker=ES", {"recorder": "S", "action": "sell", "price": "1", "ticker": "ES"}),
        ("S: sell,", {"recorder": "S", "action": "sell"}),
        (": sell", {"action": "sell"}),
        ("action=buy;ticker=ES", {"action": "buy", "ticker": "ES"}),
        ("action=buy,ticker=ES,", {"action": "buy", "ticker": "ES"}),
        ("action=buy\r\nticker=ES\r\n", {"action": "buy", "ticker": "ES"}),
        ("price=21,500.25,action=buy", {"price": "21,500.25", "action": "buy"}),
        ("action=buy, price=21,500.25", {"action": "buy", "price": "21,500.25"}),
        ("ticker=CME_MINI:MNQ1!;action=buy", {"ticker": "CME_MINI:MNQ1!", "action": "buy"}),
        ("time=2026-02-18T14:30:01Z;action=buy", {"time": "2026-02-18T14:30:01Z", "action": "buy"}),
        ("action=buy;;price=", {"action": "buy"}),
        ("note=a=b", {"note": "a=b"}),
    ],
)
def test_text_becomes_fields(body: str, fields: dict[str, object]) -> None:
    read = read_body(body)

    assert read.fields == fields
    assert read.is_text


@pytest.mark.parametrize("body", [b'\xef\xbb\xbf \r\n{"action":"buy"}\n', b"\xef\xbb\xbfaction=buy\r\n"])
def test_a_byte_order_mark_and_white_space_around_do_not_matter(body: bytes) -> None:
    assert read_body(body).fields == {"action": "buy"}


def test_what_is_not_utf_8_is_read_with_replacement() -> None:
    assert read_body(b"note=\xff\x00;action=buy").fields == {"note": "\ufffd\ufffd", "action": "buy"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty body"),
        (b" \n\xef\xbb\xbf", "empty body"),
        (b'{"action":"buy","price":}', "malformed JSON at character 25: Expecting value"),
        (b'{"action":"buy"} {"action":"sell"}', "malformed JSON at character 18: Extra data"),
        (b"{'action':'buy'}", "malformed JSON at character 2"),
        (b'{"a":' * 100_000, "malformed JSON: nested too deeply"),
        (b'[{"action":"buy"}]', "malformed JSON: a list where an object is expected"),
        (b"action=buy;now", "cannot read 'now': it is not key = value"),
        (b"S: sell, now", "cannot read 'now': it is not key = value"),
        (b"a=1;" + b"x" * 1000, f"cannot read '{'x' * 57}...': it is not key = value"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(SignalRefused) as refusal:
        read_body(body)

    assert refusal.value.reason.startswith(reason)


@pytest.mark.parametrize("body", [" ", ",", ";", ":", "=", "\\", "a:", "a=,", "(", '"', "{{", "[{"])
def test_a_body_at_the_size_limit_reads_in_linear_time(body: str) -> None:
    text = ("a" + body * (65_536 // len(body)))[:65_536]
    started = time.perf_counter()
    with suppress(SignalRefused):
        read_body(text)

    assert time.perf_counter() - started < 1
