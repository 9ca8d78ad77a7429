"""The messages that a trader pastes into TradingView's alert window."""

import json
from dataclasses import dataclass

# A fill states the position it led to, so that a missed alert heals itself; the time makes a resent one a duplicate.
# The order's id is left out: every entry repeats it, and a quotation mark in it would break the JSON.
STRATEGY = {
    "action": "{{strategy.order.action}}",
    "ticker": "{{ticker}}",
    "price": "{{strategy.order.price}}",
    "contracts": "{{strategy.order.contracts}}",
    "market_position": "{{strategy.market_position}}",
    "market_position_size": "{{strategy.market_position_size}}",
    "prev_market_position": "{{strategy.prev_market_position}}",
    "prev_market_position_size": "{{strategy.prev_market_position_size}}",
    "time": "{{timenow}}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMessage:
    """A message to paste, and when to use it."""

    title: str
    hint: str
    text: str


def alert_messages() -> list[AlertMessage]:
    """List the messages for strategy alerts and for indicator alerts."""
    indicator = "One alert for each direction: this is the one to {}."
    return [
        AlertMessage(
            title="Strategy alert",
            hint="One alert for the whole strategy. Choose order fills only in its condition.",
            text=json.dumps(STRATEGY, indent=2),
        ),
        *(
            AlertMessage(title=f"Indicator alert: {action}", hint=indicator.format(words), text=_indicator(action))
            for action, words in (("buy", "go long"), ("sell", "go short"), ("close", "leave the position"))
        ),
    ]


def _indicator(action: str) -> str:
    body = {"action": action, "ticker": "{{ticker}}", "price": "{{close}}", "time": "{{timenow}}"}
    return json.dumps(body)
