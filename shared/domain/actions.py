"""The action words of alerts; what they lead to is decided elsewhere."""

import re
from enum import Enum


class Action(Enum):
    """What an alert asks for."""

    BUY = "buy"
    SELL = "sell"
    EXIT = "exit"
    EXIT_LONG = "exit_long"
    EXIT_SHORT = "exit_short"
    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"
    CLOSE_ALL = "close_all"
    REVERSE = "reverse"
    PRICE_ALERT = "price_alert"


WORDS = {
    Action.BUY: "buy long enterlong openlong startlong golong",
    Action.SELL: "sell short entershort openshort startshort goshort",
    Action.EXIT: "close exit flat flatten closeposition",
    Action.EXIT_LONG: "closelong exitlong closebuy",
    Action.EXIT_SHORT: "closeshort exitshort closesell",
    Action.TAKE_PROFIT: "tphit takeprofit",
    Action.STOP_LOSS: "slhit stoploss",
    Action.CLOSE_ALL: "closeall exitall",
    Action.REVERSE: "reverse",
    Action.PRICE_ALERT: "pricealert",
}
OPPOSITES = {
    Action.BUY: Action.SELL,
    Action.SELL: Action.BUY,
    Action.EXIT_LONG: Action.EXIT_SHORT,
    Action.EXIT_SHORT: Action.EXIT_LONG,
}
ACTIONS = {word: action for action, words in WORDS.items() for word in words.split()}
IGNORED_IN_WORDS = re.compile(r"[\s_-]+")


def find_action(text: str) -> Action | None:
    """Recognise an action word; case, spaces, `-` and `_` do not matter."""
    return ACTIONS.get(IGNORED_IN_WORDS.sub("", text).lower())
