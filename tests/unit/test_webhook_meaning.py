"""What each collected webhook body does to what is held: nothing, two long, two short."""

from decimal import Decimal

import pytest

from shared.domain.ticks import PriceTick
from shared.domain.timestamps import parse_timestamp
from shared.replay import ReplaySignal, replay
from tests.webhook_cases import RECORDER_SYMBOL, WebhookCase, needs_webhook_cases, webhook_cases

MARKET_WITHOUT_A_PRICE = "21500"
NOW = parse_timestamp("2026-02-18T14:30:00Z")
MEANT = [case for case in webhook_cases() if "quantity_after" in case.expect]


@needs_webhook_cases
@pytest.mark.parametrize("case", MEANT, ids=lambda case: case.name)
def test_a_body_leads_to_the_position_it_means(case: WebhookCase) -> None:
    expected = case.expect["quantity_after"]
    assert {held: quantity_after(case, int(held)) for held in expected} == expected


def quantity_after(case: WebhookCase, held: int) -> int:
    symbol = case.expect["symbol"]
    market = Decimal(case.expect["price"] or MARKET_WITHOUT_A_PRICE)
    before = f'{{"action": "{"buy" if held > 0 else "sell"}", "quantity": {abs(held)}, "ticker": "{symbol}"}}'
    bodies = [before, case.body] if held else [case.body]
    report = replay(
        [{"name": "recorder", "symbol": RECORDER_SYMBOL}],
        [PriceTick(symbol=symbol, place=1, occurred_at=NOW, price=market)],
        [
            ReplaySignal(line=line, recorder="recorder", occurred_at=NOW, place=1, body=body)
            for line, body in enumerate(bodies, start=1)
        ],
    )
    sides = {"LONG": 1, "SHORT": -1}
    return sum(sides[row["side"]] * row["quantity"] for row in report["positions"] if row["symbol"] == symbol)
