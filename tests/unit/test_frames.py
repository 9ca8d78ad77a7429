"""What venues say, word for word, and what it comes to: the pairs are in tests/venues/frames, one a line."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.price_feed.sources.coinbase import CoinbaseConversation
from services.price_feed.sources.kraken import KrakenConversation
from services.price_feed.sources.tradovate_access import TradovateAccess
from services.price_feed.sources.tradovate_account import TradovateAccount
from services.price_feed.sources.tradovate_talk import TradovateConversation
from services.price_feed.sources.venue import Conversation, Heard, VenueRefused

FRAMES = Path(__file__).parents[1] / "venues" / "frames"
TRADOVATE_CONTRACTS = {"MNQZ6": 5, "ESZ6": 6, "GCZ6": 7}


class KnownContracts(TradovateAccess):
    """An access that is asked for contracts alone, and has them at hand."""

    def __init__(self) -> None:
        super().__init__(TradovateAccount(), "")

    def contract_id(self, name: str) -> int:
        if name not in TRADOVATE_CONTRACTS:
            raise VenueRefused(f"Tradovate finds no contract {name}.")
        return TRADOVATE_CONTRACTS[name]


CONVERSATIONS: dict[str, Callable[[], Conversation]] = {
    "coinbase": CoinbaseConversation,
    "kraken": KrakenConversation,
    "tradovate": lambda: TradovateConversation("token", KnownContracts(), set()),
}
VALUES = ("null", "-1", "1e400", '"NaN"', '"Infinity"', "[]", "{}", "true", '""', '"2026-01-01T00:00:00"')


def lines(venue: str) -> Iterator[dict[str, Any]]:
    yield from map(json.loads, (FRAMES / f"{venue}.jsonl").read_text().splitlines())


def started(venue: str) -> Conversation:
    talk = CONVERSATIONS[venue]()
    talk.greet()
    talk.subscribe(next(lines(venue))["subscribed"])
    return talk


def told(heard: Heard) -> Any:
    """What a message came to, without what it did not say."""
    return json.loads(msgspec.json.encode(_bare(msgspec.to_builtins(heard))))


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _bare(part) for name, part in value.items() if part not in (None, [], (), 0, 0.0)}
    return [_bare(part) for part in value] if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize("venue", CONVERSATIONS)
def test_every_message_comes_to_what_is_written_beside_it(venue: str) -> None:
    talk = started(venue)
    _, *cases = lines(venue)
    for case in cases:
        assert told(talk.hear(case["message"])) == case["heard"], case["case"]


@pytest.mark.parametrize("venue", CONVERSATIONS)
def test_no_message_whatever_it_holds_raises(venue: str) -> None:
    _, *cases = lines(venue)
    messages = [case["message"] for case in cases]
    talk = started(venue)

    @example("[" * 100_000)
    @example("\ud800")
    @given(_damaged(messages))
    def hears(message: str) -> None:
        assert isinstance(talk.hear(message), Heard)

    hears()


def _damaged(messages: list[str]) -> st.SearchStrategy[str]:
    """Messages cut, spliced, with values of other kinds, and plain noise."""
    whole = st.sampled_from(messages)
    spliced = st.builds(
        lambda message, start, end, noise: message[:start] + noise + message[end:],
        whole,
        st.integers(0, 300),
        st.integers(0, 300),
        st.text(max_size=5),
    )
    values = st.sampled_from(
        ["null", "-1", "1e400", '"NaN"', '"Infinity"', "[]", "{}", "true", '""', '"2026-01-01T00:00:00"']
    )
    replaced = st.builds(_with_value, whole, st.integers(0, 20), values)
    return spliced | replaced | st.text()


def _with_value(message: str, index: int, value: str) -> str:
    parts = message.split(":")
    at = index % len(parts)
    head, comma, tail = parts[at].partition(",")
    parts[at] = f"{value}{comma}{tail}" if comma else head
    return ":".join(parts)
