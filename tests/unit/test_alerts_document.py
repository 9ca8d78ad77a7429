"""docs/alerts.md promises that its messages work: each is tried as it is printed there."""

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from shared.contracts_file import packaged_contracts
from shared.domain.placeholders import StrategyOrder, fill_placeholders
from shared.domain.recorder_settings import parse_recorder_settings
from shared.domain.rehearsal import Rehearsal, Scene, rehearse, suppose_held
from shared.domain.signals import unread_keys
from shared.domain.symbols import normalize_symbol
from shared.domain.timestamps import parse_timestamp

DOCUMENT = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()
NOW = parse_timestamp("2026-11-20T15:00:00Z")
PRICES = {"MNQ1!": Decimal("21500.25"), "MES1!": Decimal(6000)}


def bodies_that_work() -> list[str]:
    """The first cells of the table under that heading."""
    _, _, section = DOCUMENT.partition("## Other bodies that work")
    table, _, _ = section.partition("\n\nWhat a body")
    return re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)


def messages_to_paste() -> list[str]:
    """The blocks of JSON, without requests to the API."""
    return re.findall(r"```json\n(.+?)\n```", DOCUMENT, re.DOTALL)


def tried(body: str, held: int) -> Rehearsal:
    contracts = packaged_contracts()
    settings = parse_recorder_settings({"name": "My strategy", "symbol": "MNQ1!"})
    instrument = normalize_symbol("MNQ1!", occurred_at=NOW, contracts=contracts)
    price = PRICES["MNQ1!"]
    position = suppose_held(instrument, settings, held=held, price=price, last_price=price) if held else None
    scene = Scene(held=[position] if position else [], last_prices=PRICES, occurred_at=NOW, contracts=contracts)
    return rehearse(body, settings, scene)


def test_the_document_has_the_messages_that_these_tests_look_for() -> None:
    assert (len(messages_to_paste()), len(bodies_that_work())) == (2, 11)


@pytest.mark.parametrize("body", bodies_that_work())
def test_a_body_that_is_said_to_work_works_and_every_key_of_it_is_read(body: str) -> None:
    assert tried(body, held=1).applied.reason is None
    assert tried(body, held=1).applied.status == "recorded"
    assert unread_keys(body) == []


@pytest.mark.parametrize("message", messages_to_paste())
def test_a_message_to_paste_works_once_tradingview_has_filled_it_in(message: str) -> None:
    price = PRICES["MNQ1!"]
    order = StrategyOrder(ticker="CME_MINI:MNQ1!", contracts=2, held_before=0, price=price, filled_at=NOW)
    body = fill_placeholders(message, order)

    assert json.loads(body)
    assert "{{" not in body
    assert [each.price for each in tried(body, held=0).fills] == [price]
