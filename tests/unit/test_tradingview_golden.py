"""Messages of TradingView as they were captured, and what is heard in each, side by side in tests/golden/tradingview.

A line of `NAME.messages` is a WebSocket message. `NAME.heard.json` has an entry for each: that, and nothing else, is
heard.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from services.price_feed.sources.tradingview_session import TradingViewConversation
from services.price_feed.sources.venue import Heard, Trouble, VenueQuote

FOLDER = Path(__file__).parents[1] / "golden" / "tradingview"
CASES = sorted(path.name.removesuffix(".messages") for path in FOLDER.glob("*.messages"))


@pytest.mark.parametrize("case", CASES)
def test_what_is_heard_in_captured_messages(case: str) -> None:
    expected = json.loads((FOLDER / f"{case}.heard.json").read_text())
    messages = (FOLDER / f"{case}.messages").read_text().splitlines()

    heard = [shown(each) for each in hear_all(messages, expected["subscribe"])]

    assert heard == expected["heard"]
    assert len(messages) == len(expected["heard"])


def test_every_case_is_whole() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {
        f"{case}.{kind}" for case in CASES for kind in ("messages", "heard.json")
    }


def hear_all(messages: list[str], names: list[str]) -> list[Heard]:
    talk = TradingViewConversation(token="guest", new_session_id=lambda: "qs_x")
    talk.greet()
    talk.subscribe(names)
    return [talk.hear(message) for message in messages]


def shown(heard: Heard) -> dict[str, Any]:
    found = {
        "replies": list(heard.replies),
        "quotes": [quote(each) for each in heard.quotes],
        "troubles": [trouble(each) for each in heard.troubles],
        "missed": sorted(heard.missed),
        "alive": list(heard.alive),
    }
    return without_empty(found)


def quote(heard: VenueQuote) -> dict[str, Any]:
    numbers = {"price": heard.price, "bid": heard.bid, "ask": heard.ask, "size": heard.size}
    texts = {field: None if number is None else str(number) for field, number in numbers.items()}
    return without_empty({"name": heard.name, "venue_time": heard.venue_time, **texts})


def trouble(heard: Trouble) -> dict[str, Any]:
    assert heard.sentence.endswith(".")
    told = {"kind": heard.kind, "name": heard.name, "delay_seconds": heard.delay_seconds}
    return without_empty({**told, "retry_after_seconds": heard.retry_after_seconds or None})


def without_empty(fields: dict[str, Collection[Any] | Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, [], ())}
