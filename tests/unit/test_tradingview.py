import json
from collections.abc import Sequence
from decimal import Decimal
from itertools import count

import pytest

from services.price_feed.sources.tradingview import OTHER_EXCHANGES, TradingView
from services.price_feed.sources.tradingview_frames import split_frames
from services.price_feed.sources.tradingview_session import MOST_SESSIONS, TradingViewConversation
from shared.contracts_file import packaged_contracts
from shared.domain.contracts import Contract

MNQ, ES = "CME_MINI:MNQ1!", "CME_MINI:ES1!"
BROKEN = '{"m":"critical_error","p":["%s","invalid_parameters","quote_add_symbols"]}'
# Where TradingView lists futures, from the symbol pages of tradingview.com.
EXCHANGES = {"CME", "CME_MINI", "CBOT", "CBOT_MINI", "COMEX", "COMEX_MINI", "NYMEX", "NYMEX_MINI", "ICEUS"}


def new_talk() -> TradingViewConversation:
    numbers = count(1)
    return TradingViewConversation(token="guest", new_session_id=lambda: f"qs_{next(numbers)}")


def calls(messages: Sequence[str]) -> list[list[str]]:
    found = [json.loads(payload) for message in messages for payload in split_frames(message).payloads]
    return [[call["m"], *call["p"]] for call in found]


def in_a_frame(payload: str) -> str:
    return f"~m~{len(payload)}~m~{payload}"


def test_a_connection_begins_with_the_token_and_one_session() -> None:
    assert calls(new_talk().greet()) == [
        ["set_auth_token", "guest"],
        ["quote_create_session", "qs_1"],
        ["quote_set_fields", "qs_1", "lp", "lp_time", "bid", "ask", "volume", "update_mode"],
    ]


def test_calls_are_compact_ascii() -> None:
    assert new_talk().greet()[0] == '~m~36~m~{"m":"set_auth_token","p":["guest"]}'
    assert new_talk().subscribe(["X:Ü🚀"])[0].endswith('"X:\\u00dc\\ud83d\\ude80"]}')


def test_symbols_are_followed_once_and_at_full_speed() -> None:
    talk = new_talk()
    talk.greet()

    assert calls(talk.subscribe([MNQ, ES, MNQ])) == [
        ["quote_add_symbols", "qs_1", MNQ, ES],
        ["quote_fast_symbols", "qs_1", MNQ, ES],
    ]
    assert talk.subscribe([ES]) == []
    assert calls(talk.unsubscribe([MNQ, "X:Y"])) == [
        ["quote_remove_symbols", "qs_1", MNQ],
        ["quote_fast_symbols", "qs_1", ES],
    ]
    assert talk.unsubscribe([MNQ]) == []
    assert calls(talk.unsubscribe([ES])) == [["quote_remove_symbols", "qs_1", ES]]


def test_a_symbol_that_is_followed_again_starts_from_nothing() -> None:
    talk = new_talk()
    talk.greet()
    talk.subscribe([MNQ])
    said = in_a_frame('{"m":"qsd","p":["qs_1",{"n":"CME_MINI:MNQ1!","s":"ok","v":{"lp":1.5,"lp_time":9}}]}')
    assert [quote.price for quote in talk.hear(said).quotes] == [Decimal("1.5")]
    assert talk.hear(said).quotes == ()

    talk.unsubscribe([MNQ])
    assert talk.hear(said).quotes == ()
    talk.subscribe([MNQ])

    assert [quote.price for quote in talk.hear(said).quotes] == [Decimal("1.5")]


def test_a_session_that_breaks_is_made_anew_under_a_new_id_with_all_symbols() -> None:
    talk = new_talk()
    talk.greet()
    talk.subscribe([MNQ, ES])

    heard = talk.hear(in_a_frame(BROKEN % "qs_1"))

    assert [call[:2] for call in calls(heard.replies)] == [
        ["quote_create_session", "qs_2"],
        ["quote_set_fields", "qs_2"],
        ["quote_add_symbols", "qs_2"],
        ["quote_fast_symbols", "qs_2"],
    ]
    assert set(heard.missed) == {MNQ, ES}
    assert talk.hear(in_a_frame(BROKEN % "qs_1")).replies == ()  # the old one's last words


def test_sessions_that_keep_breaking_end_the_connection() -> None:
    talk = new_talk()
    talk.greet()
    talk.subscribe([MNQ])
    for number in range(1, MOST_SESSIONS):
        assert talk.hear(in_a_frame(BROKEN % f"qs_{number}")).troubles == ()

    heard = talk.hear(in_a_frame(BROKEN % f"qs_{MOST_SESSIONS}"))

    assert heard.replies == ()
    assert [(trouble.kind, trouble.sentence) for trouble in heard.troubles] == [
        (
            "refused",
            "TradingView breaks off every quote session (invalid_parameters, quote_add_symbols); it is connected anew.",
        )
    ]


def test_every_future_of_the_table_has_a_name_at_an_exchange_that_tradingview_has() -> None:
    contracts = [contract for contract in packaged_contracts().values() if contract.kind == "future"]
    names = {contract.root: TradingView().name_of(f"{contract.root}1!", contract, 0) for contract in contracts}

    assert {root: name for root, name in names.items() if (name or "").partition(":")[0] not in EXCHANGES} == {}
    assert set(OTHER_EXCHANGES) <= set(names)
    assert names["MNQ"] == "CME_MINI:MNQ1!"
    assert names["MGC"] == "COMEX_MINI:MGC1!"
    assert names["DX"] == "ICEUS:DX1!"


@pytest.mark.parametrize(
    ("exchange", "symbol", "name"),
    [
        ("COINBASE", "BTCUSD", "COINBASE:BTCUSD"),
        ("nasdaq", "AAPL", "NASDAQ:AAPL"),
        ("FX", "EURUSD", "FX:EURUSD"),
        ("my broker", "EURUSD", None),
    ],
)
def test_what_is_no_future_is_listed_where_its_contract_says(exchange: str, symbol: str, name: str | None) -> None:
    one = Decimal(1)
    contract = Contract(
        root=symbol, kind="spot", exchange=exchange, name=symbol, tick_size=one, multiplier=one, currency="USD"
    )
    assert TradingView().name_of(symbol, contract, 0) == name


def test_each_connection_is_a_browsers_and_has_a_session_of_its_own() -> None:
    connection, other = TradingView().connect(), TradingView().connect()

    assert connection.url == "wss://data.tradingview.com/socket.io/websocket"
    assert connection.origin == "https://www.tradingview.com"
    assert list(connection.headers) == ["User-Agent"]
    (_, session), (_, other_session) = (calls(each.conversation.greet())[1] for each in (connection, other))
    assert session.startswith("qs_")
    assert len(session) == len("qs_AbCdEf123456")
    assert session != other_session


def test_nobodys_log_in_is_in_a_repr() -> None:
    assert "secret" not in repr(TradingView(session="secret-1", session_sign="secret-2"))


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [(429, "limited", "(429)"), (403, "refused", "(403)"), (502, "refused", "status 502: check TRADINGVIEW_URL")],
)
def test_a_refused_handshake_has_its_sentence(status: int, kind: str, words: str) -> None:
    trouble = TradingView().refusal(status)
    assert trouble.kind == kind
    assert words in trouble.sentence
    assert trouble.retry_after_seconds >= 30
