from decimal import Decimal

import pytest

from shared.contracts_file import packaged_contracts
from shared.domain.signals import Signal, SignalRefused, parse_quantity, parse_signal
from shared.domain.symbols import UnknownSymbol, normalize_symbol
from shared.domain.timestamps import parse_timestamp
from tests.webhook_cases import RECORDER_SYMBOL, WebhookCase, needs_webhook_cases, webhook_cases

RECEIVED_AT = parse_timestamp("2026-02-18T00:00:00Z")
CASES = webhook_cases()
REJECTED = [case for case in CASES if case.expect.get("status") == "rejected"]
MEANT = [case for case in CASES if "symbol" in case.expect]

pytestmark = needs_webhook_cases


def resolved(signal: Signal) -> str:
    return normalize_symbol(
        signal.symbol_text or RECORDER_SYMBOL,
        occurred_at=RECEIVED_AT if signal.occurred_at is None else signal.occurred_at,
        contracts=packaged_contracts(),
    ).symbol


def parse_all(body: bytes) -> None:
    signal = parse_signal(body)
    resolved(signal)
    parse_quantity(signal.quantity_text or "1")  # every rejected body of the collection is an entry, which uses it


def test_the_collection_holds_both_kinds() -> None:
    assert len(REJECTED) + len(MEANT) == len(CASES)
    assert len(MEANT) > len(REJECTED) > 5


@pytest.mark.parametrize("case", MEANT, ids=lambda case: case.name)
def test_a_body_names_its_symbol_and_price(case: WebhookCase) -> None:
    signal = parse_signal(case.body.encode())
    expected_price = case.expect["price"]

    assert resolved(signal) == case.expect["symbol"]
    assert signal.price == (None if expected_price is None else Decimal(expected_price))


@pytest.mark.parametrize("case", MEANT, ids=lambda case: case.name)
def test_a_body_reads_the_same_as_text_with_a_byte_order_mark(case: WebhookCase) -> None:
    assert parse_signal(f"\ufeff\r\n {case.body}\n") == parse_signal(case.body.encode())


@pytest.mark.parametrize("case", REJECTED, ids=lambda case: case.name)
def test_a_refused_body_says_why(case: WebhookCase) -> None:
    with pytest.raises((SignalRefused, UnknownSymbol)) as refusal:
        parse_all(case.body.encode())

    assert case.expect["why"] in str(refusal.value)
