"""Whatever TradingView may send, nothing raises, and frames come apart as they were put together."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.price_feed.sources.tradingview_frames import frame, split_frames
from services.price_feed.sources.tradingview_session import TradingViewConversation

NAMES = ["CME_MINI:MNQ1!", "KRX:005930"]
PIECES = ["~m~", "~h~", "~m~4~m~~h~1", "9", "-1", "{", '{"m":"qsd","p":[', "\ud83d", "\ude80", "🚀", "삼", "\x00"]
METHODS = ["qsd", "quote_completed", "critical_error", "protocol_error", "symbol_error"]

texts = st.text(st.characters(exclude_categories=["Cs"]))
payloads = texts | st.lists(st.sampled_from([*PIECES[:8], "🚀", "삼"])).map("".join)
numbers = st.integers() | st.floats() | st.sampled_from([0, 1e100, -1.5, 25600.25, 1790000000])
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
values = st.dictionaries(
    st.sampled_from(["lp", "lp_time", "bid", "ask", "volume", "update_mode", "ch"]),
    numbers | st.none() | st.sampled_from(["streaming", "delayed_streaming_600", "delayed_streaming_x"]) | anything,
)
data = st.fixed_dictionaries(
    {"n": st.sampled_from(NAMES) | anything},
    optional={"s": st.sampled_from(["ok", "error"]) | anything, "v": values | anything, "errmsg": anything},
)
calls = st.fixed_dictionaries(
    {"m": st.sampled_from(METHODS) | anything},
    optional={"p": st.tuples(st.just("qs_x"), data | st.sampled_from(NAMES)).map(list) | st.lists(anything) | anything},
)
said = st.lists(st.sampled_from(PIECES) | texts | (calls | anything).map(json.dumps).map(frame), max_size=6).map(
    "".join
)


@given(st.lists(payloads))
def test_frames_come_apart_as_they_were_put_together(contents: list[str]) -> None:
    payloads, damage = split_frames("".join(map(frame, contents)))
    assert payloads == contents
    assert damage is None


@given(st.lists(payloads), st.sampled_from(PIECES) | texts)
def test_damage_costs_nothing_that_stood_before_it(contents: list[str], rubbish: str) -> None:
    assert split_frames("".join(map(frame, contents)) + rubbish).payloads[: len(contents)] == contents


@given(st.text(st.characters()) | said)
def test_no_message_breaks_the_frames(message: str) -> None:
    payloads, damage = split_frames(message)
    assert damage or "".join(map(frame, payloads)) == message or "~m~0" in message or not message.isascii()


@given(st.lists(said | st.text(st.characters()), max_size=8))
def test_no_message_breaks_the_talk(messages: list[str]) -> None:
    talk = TradingViewConversation(token="guest", new_session_id=lambda: "qs_x")
    talk.greet()
    talk.subscribe(NAMES)
    for message in messages:
        heard = talk.hear(message)
        assert all(quote.price.is_finite() and quote.name in NAMES for quote in heard.quotes)
        assert all(abs(price(quote.bid)) < 10**12 and abs(price(quote.ask)) < 10**12 for quote in heard.quotes)
        assert set(heard.missed) | set(heard.alive) <= set(NAMES)
        assert all(trouble.sentence for trouble in heard.troubles)
        for reply in heard.replies:
            assert reply.encode()


def price(value: Any) -> Any:
    return 0 if value is None else value
