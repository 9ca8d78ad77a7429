import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import to_builtins
from msgspec.structs import replace

from shared.contracts_file import packaged_contracts
from shared.domain import signals
from shared.domain.numbers import parse_number, plain
from shared.domain.overrides import STOP_KEYS, TARGET_KEYS
from shared.domain.recorder_settings import READERS, SettingsRefused, parse_recorder_settings, settings_as_json
from shared.domain.refusals import SignalRefused, ValueRefused
from shared.domain.signals import parse_quantity, parse_signal
from shared.domain.symbols import MONTH_CODES, UnknownSymbol, normalize_symbol
from shared.domain.timestamps import (
    END,
    format_timestamp,
    parse_timestamp,
    parse_timestamp_as_written,
    parse_webhook_time,
)

CONTRACTS = packaged_contracts()
KEYS = sorted(
    {key for name, keys in vars(signals).items() if name.isupper() and isinstance(keys, tuple) for key in keys}
    | set(STOP_KEYS)
    | set(TARGET_KEYS)
    | {"risk_dollars", "unknown"}
)

moments = st.integers(0, END - 1)
odd_text = st.text(st.characters() | st.sampled_from("{}[]:=,;\n\\!\"'\x00\ufeff"), max_size=40)
values_that_mean_something = st.sampled_from(
    [
        "buy",
        "sell",
        "close",
        "closeall",
        "long",
        "short",
        "flat",
        "2",
        "-2",
        "0",
        "1.5",
        "NaN",
        "1e999",
        "21,500.25",
        "{{close}}",
        "MNQ1!",
        "2026-02-18T14:30:01Z",
        "2026-02-30",
        "1771425001",
        "9" * 30,
        "",
        " ",
    ]
)
numbers = st.integers() | st.floats() | st.booleans() | st.none()
json_values: st.SearchStrategy[Any] = st.recursive(
    values_that_mean_something | odd_text | numbers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | odd_text, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(st.sampled_from(KEYS) | odd_text, json_values, max_size=6)
pairs = st.lists(st.tuples(st.sampled_from(KEYS), values_that_mean_something | odd_text), max_size=6)


def strings_in(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in strings_in(each)]
    return [value] if isinstance(value, str) else []


def check(body: bytes | str) -> None:
    """Parse, and see that everything that comes out can be stored."""
    try:
        signal = parse_signal(body)
    except SignalRefused as refusal:
        texts = [refusal.reason]
    else:
        texts = strings_in(to_builtins(signal))
        assert signal.action or signal.market_position or signal.position_size is not None
        assert signal.price is None or 0 < signal.price < 10**12
    for text in texts:
        assert len(text) < 250
        assert b"\x00" not in text.encode("utf-8")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_signal_or_refused(body: bytes) -> None:
    check(body)


@given(odd_text)
def test_any_text_is_a_signal_or_refused(body: str) -> None:
    check(body)


@given(objects)
def test_any_json_object_is_a_signal_or_refused(body: dict[str, Any]) -> None:
    check(json.dumps(body))


@given(pairs, st.sampled_from([",", ";", "\n", ", "]), st.sampled_from(["", "NAME: buy, ", "NAME:", "{"]))
def test_any_pairs_are_a_signal_or_refused(fields: list[tuple[str, str]], between: str, head: str) -> None:
    check(head + between.join(f"{key} = {value}" for key, value in fields))


@given(odd_text | values_that_mean_something)
def test_any_quantity_is_positive_or_refused(text: str) -> None:
    with suppress(SignalRefused):
        assert parse_quantity(text) > 0


@given(
    action=st.sampled_from(["buy", "sell", "exit_long"]),
    price=st.decimals("0.01", "999999", places=2),
    quantity=st.integers(1, 999),
    symbol=st.sampled_from(["MNQ1!", "CME_MINI:ES1!", "BTCUSD"]),
    at=moments,
)
def test_one_alert_means_the_same_in_every_notation(
    action: str, price: Decimal, quantity: int, symbol: str, at: int
) -> None:
    time = format_timestamp(at, 9)
    fields = {"price": f"{price:,}", "qty": str(quantity), "ticker": symbol, "time": time}
    text = ", ".join(f"{key.title()} = {value}" for key, value in fields.items())

    expected = parse_signal(json.dumps({"recorder": "A", "action": action, "price": float(price)} | fields))

    assert expected.price == price
    assert expected.occurred_at == at
    assert parse_signal(f"A: {action}, {text}") == expected
    assert parse_signal(f"action={action.upper()};recorder=A;{text}") == expected
    assert parse_signal(json.dumps({"message": f"A: {action}, {text}"})) == expected
    assert parse_signal(f"\ufeff{action}\n") == replace(
        expected, price=None, quantity_text=None, symbol_text=None, occurred_at=None, recorder_name=None
    )


@given(st.sampled_from(["long", "short"]), st.integers(0, 999))
def test_a_stated_position_is_the_same_signed_or_not(side: str, size: int) -> None:
    signed = size if side == "long" else -size
    bodies: list[dict[str, object]] = [
        {"market_position": side, "position_size": signed},
        {"market_position": side, "position_size": size},
        {"market_position": side, "market_position_size": size},
        {"position_size": signed},
    ]

    assert [parse_signal(json.dumps(body)).position_size for body in bodies] == [signed] * 4


@given(
    root=st.sampled_from([root for root, contract in CONTRACTS.items() if contract.kind == "future"]),
    month=st.sampled_from(MONTH_CODES),
    ahead=st.integers(-2, 7),
    at=st.integers(0, 2**31).map(lambda seconds: seconds * 10**9),
)
def test_every_month_of_every_root_resolves_to_that_root(root: str, month: str, ahead: int, at: int) -> None:
    year = int(format_timestamp(at, 0)[:4]) + ahead
    expected = f"{root}{month}{year}"

    spellings = [f"{root}{month}{year % 10}", f"NYMEX:{root}{month}{year}", f" {expected.lower()} "]
    if year >= 2000:
        spellings.append(f"{root}{month}{year % 100:02}")

    for text in spellings:
        resolved = normalize_symbol(text, occurred_at=at, contracts=CONTRACTS)
        assert (resolved.symbol, resolved.contract.root) == (expected, root)


@given(
    st.sampled_from(sorted(CONTRACTS)),
    st.from_regex(r"([1-9]!|[A-Z]?[0-9]{0,4}|.{0,3})", fullmatch=True),
    st.sampled_from(["", "CME:", " "]),
    moments,
)
def test_a_normal_form_is_its_own_normal_form(root: str, suffix: str, prefix: str, at: int) -> None:
    try:
        once = normalize_symbol(prefix + root + suffix, occurred_at=at, contracts=CONTRACTS)
    except UnknownSymbol:
        assume(False)
    assert normalize_symbol(once.symbol, occurred_at=at, contracts=CONTRACTS) == once
    assert once.symbol == once.symbol.strip().upper()


@given(odd_text, moments)
def test_any_text_is_a_symbol_or_unknown(text: str, at: int) -> None:
    with suppress(UnknownSymbol):
        normalize_symbol(text, occurred_at=at, contracts=CONTRACTS)


@given(moments, st.integers(0, 9))
def test_a_written_time_reads_back_to_its_decimals(ns: int, digits: int) -> None:
    text = format_timestamp(ns, digits)

    assert parse_timestamp(text) == ns - ns % 10 ** (9 - digits)
    assert parse_timestamp_as_written(text)[1] == digits
    assert parse_timestamp(str(ns)) == ns


@given(st.datetimes(datetime(1971, 1, 1), datetime(2262, 1, 1)), st.integers(-23 * 60, 23 * 60))  # noqa: DTZ001
def test_a_time_reads_as_the_standard_library_reads_it(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes)))
    microseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    assert parse_timestamp(moment.isoformat()) == microseconds * 1000
    assert parse_webhook_time(moment.isoformat(sep=" ")) == microseconds * 1000


@given(odd_text | st.from_regex(r"[0-9T:.Z+ -]{1,35}", fullmatch=True))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    for parse in (parse_timestamp, parse_webhook_time):
        with suppress(ValueRefused):
            assert 0 <= parse(text) < END


@given(st.decimals(-(10**11), 10**11, places=8))
def test_a_number_is_written_so_that_it_reads_back(number: Decimal) -> None:
    text = plain(number)

    assert parse_number(text) == number
    assert plain(parse_number(text)) == text
    assert parse_number(f"{number:,}") == number
    assert "." not in text or not text.endswith(("0", "."))


@given(st.dictionaries(st.sampled_from(sorted(READERS)) | odd_text, json_values | st.binary(max_size=3)))
def test_any_settings_read_back_from_json_or_are_refused(given_settings: dict[str, Any]) -> None:
    with suppress(SettingsRefused):
        settings = parse_recorder_settings(given_settings)
        assert parse_recorder_settings(json.loads(json.dumps(settings_as_json(settings)))) == settings
