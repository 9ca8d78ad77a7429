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
SENTIMENT = {
    "ticker": "{{ticker}}",
    "action": "{{strategy.order.action}}",
    "sentiment": "{{strategy.market_position}}",
    "quantity": "{{strategy.order.contracts}}",
    "price": "{{strategy.order.price}}",
    "time": "{{timenow}}",
}
TEXT = """action = {{strategy.order.action}}
symbol = {{ticker}}
price = {{strategy.order.price}}
contracts = {{strategy.order.contracts}}
market_position = {{strategy.market_position}}
market_position_size = {{strategy.market_position_size}}
time = {{timenow}}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMessage:
    """A message to paste, and when to use it; `key` names it in addresses."""

    key: str
    title: str
    hint: str
    text: str
    rare: bool = False


def alert_messages() -> list[AlertMessage]:
    """List the messages for strategies and for indicators, those that are needed most first."""
    return [*_usual(), *_rare()]


def find_message(key: str) -> AlertMessage | None:
    """Find a message by its key."""
    return next((message for message in alert_messages() if message.key == key), None)


def _usual() -> list[AlertMessage]:
    strategy = AlertMessage(
        key="strategy",
        title="Strategy alert",
        hint="One alert for the whole strategy. Choose order fills only in its condition.",
        text=json.dumps(STRATEGY, indent=2),
    )
    indicator = "One alert for each direction: this is the one to {}."
    return [
        strategy,
        *(
            AlertMessage(
                key=action,
                title=f"Indicator alert: {action}",
                hint=indicator.format(words),
                text=_indicator(action),
            )
            for action, words in (("buy", "go long"), ("sell", "go short"), ("close", "leave the position"))
        ),
    ]


def _rare() -> list[AlertMessage]:
    return [
        AlertMessage(
            key="exits",
            title="Indicator alert with its own stop and target",
            hint="In ticks from the entry. They replace the recorder's for this entry.",
            text=_indicator("buy", sl_ticks="40", tp_ticks="80"),
            rare=True,
        ),
        AlertMessage(
            key="text",
            title="Strategy alert as text",
            hint="The same as the strategy alert, where JSON is in the way.",
            text=TEXT,
            rare=True,
        ),
        AlertMessage(
            key="sentiment",
            title="Strategy alert in the style of TradersPost",
            hint="States the side but not the size, so a missed alert heals with the next reversal or exit only.",
            text=json.dumps(SENTIMENT, indent=2),
            rare=True,
        ),
        AlertMessage(
            key="word",
            title="One word",
            hint="Trades the recorder's symbol at the last tick. Without a time, an alert sent again counts twice.",
            text="buy",
            rare=True,
        ),
    ]


def _indicator(action: str, **exits: str) -> str:
    body = {"action": action, "ticker": "{{ticker}}", "price": "{{close}}", **exits, "time": "{{timenow}}"}
    return json.dumps(body)
