from collections.abc import Mapping
from typing import Any

import pytest

from services.price_feed.sources.tradovate_access import TradovateAccess
from services.price_feed.sources.tradovate_account import TradovateAccount
from services.price_feed.sources.tradovate_http import Answer
from services.price_feed.sources.venue import VenueRefused

URL = "https://tradovate.example/v1"
NOON = 1_790_000_000.0  # 2026-09-21T14:13:20Z
ACCOUNT = TradovateAccount(username="u", password="secret p", cid="123", secret="secret s", device_id="here")
TOKENS = {"accessToken": "A1", "mdAccessToken": "M1", "expirationTime": "2026-09-21T15:43:20.000Z"}
NEW_TOKENS = {"accessToken": "A2", "mdAccessToken": "M2", "expirationTime": "2026-09-21T17:13:20.000Z"}
EXPIRES_IN = 5400


class World:
    """A Tradovate that gives the answers that were laid out, and a clock that is set by hand."""

    def __init__(self, *answers: Answer | Mapping[str, Any] | OSError, account: TradovateAccount = ACCOUNT) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str | None, Mapping[str, Any] | None]] = []
        self.now = NOON
        self.access = TradovateAccess(account, URL, ask=self.ask, now=lambda: self.now)

    def ask(self, url: str, token: str | None, body: Mapping[str, Any] | None, timeout: float) -> Answer:
        assert 0 < timeout <= 10
        self.asked.append((url.removeprefix(URL), token, body))
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer if isinstance(answer, Answer) else Answer(200, answer)

    def refusal(self) -> VenueRefused:
        with pytest.raises(VenueRefused) as caught:
            self.access.market_data_token()
        return caught.value


def test_a_log_in_sends_the_account_and_the_key() -> None:
    world = World(TOKENS)
    assert world.access.market_data_token() == "M1"
    assert world.asked == [
        (
            "/auth/accesstokenrequest",
            None,
            {
                "name": "u",
                "password": "secret p",
                "appId": "trade-recorder",
                "appVersion": "1.0",
                "cid": 123,
                "sec": "secret s",
                "deviceId": "here",
            },
        )
    ]


def test_a_token_serves_until_ten_minutes_before_its_end_and_is_then_renewed() -> None:
    world = World(TOKENS, NEW_TOKENS)
    world.access.market_data_token()
    world.now = NOON + EXPIRES_IN - 601
    assert world.access.market_data_token() == "M1"
    world.now += 2
    assert world.access.market_data_token() == "M2"
    assert world.asked[1:] == [("/auth/renewaccesstoken", "A1", None)]


def test_a_talk_keeps_the_token_fresh_and_outlives_a_failure_of_it() -> None:
    world = World(TOKENS, ConnectionError("away"), NEW_TOKENS)
    world.access.market_data_token()
    world.now = NOON + EXPIRES_IN - 599
    world.access.keep_fresh()
    world.access.keep_fresh()
    assert len(world.asked) == 2
    world.now += 31
    world.access.keep_fresh()
    assert world.access.market_data_token() == "M2"


def test_a_token_that_can_no_longer_be_renewed_is_replaced_by_a_log_in() -> None:
    world = World(TOKENS, Answer(401, {"errorText": "Expired Access Token"}), NEW_TOKENS)
    world.access.market_data_token()
    world.now = NOON + EXPIRES_IN + 1
    assert world.access.market_data_token() == "M2"
    assert [path for path, _, _ in world.asked] == [
        "/auth/accesstokenrequest",
        "/auth/renewaccesstoken",
        "/auth/accesstokenrequest",
    ]


def test_a_penalty_is_waited_out_and_the_ticket_sent_with_the_same_body() -> None:
    world = World({"p-ticket": "T", "p-time": 15}, TOKENS)
    refusal = world.refusal()
    assert refusal.retry_after_seconds == 15
    assert str(refusal) == "Tradovate lets log-ins from this network wait for 15 s."
    world.now += 14
    assert world.refusal().retry_after_seconds == 1
    assert len(world.asked) == 1  # nobody asks while the door is shut
    world.now += 1
    assert world.access.market_data_token() == "M1"
    (_, _, first), (_, _, second) = world.asked
    assert second == {**(first or {}), "p-ticket": "T"}


def test_a_captcha_is_left_alone_for_an_hour() -> None:
    world = World({"p-ticket": "T", "p-time": 15, "p-captcha": True}, TOKENS)
    refusal = world.refusal()
    assert refusal.retry_after_seconds == 3600
    assert "captcha" in str(refusal)
    world.now += 3600
    assert world.access.market_data_token() == "M1"
    assert "p-ticket" not in (world.asked[1][2] or {})


@pytest.mark.parametrize(
    ("answer", "sentence", "seconds"),
    [
        (Answer(200, {"errorText": "Incorrect username or password."}), "Incorrect username or password. Check", 600),
        (Answer(423, {}), "no more log-ins for now (HTTP status 423)", 3600),
        (Answer(429, {}), "no more log-ins for now (HTTP status 429)", 3600),
        (Answer(404, {}), "HTTP status 404. Check", 600),
        (Answer(200, {"accessToken": None}), "HTTP status 200. Check", 600),
    ],
)
def test_a_refused_log_in_says_why_and_when_to_try_again(answer: Answer, sentence: str, seconds: int) -> None:
    refusal = World(answer).refusal()
    assert sentence in str(refusal)
    assert refusal.retry_after_seconds == seconds
    assert "secret" not in str(refusal)


def test_an_absent_tradovate_is_no_refusal() -> None:
    world = World(ConnectionError("away"), TOKENS)
    with pytest.raises(ConnectionError):
        world.access.market_data_token()
    assert world.access.market_data_token() == "M1"


def test_a_token_of_the_environment_is_renewed_at_once_and_kept_fresh() -> None:
    world = World(TOKENS, NEW_TOKENS, account=TradovateAccount(access_token="GIVEN"))
    assert world.access.market_data_token() == "M1"
    world.now = NOON + EXPIRES_IN
    assert world.access.market_data_token() == "M2"
    assert [token for _, token, _ in world.asked] == ["GIVEN", "A1"]


def test_a_token_of_the_environment_that_has_expired_is_told_as_such() -> None:
    world = World(Answer(401, {}), account=TradovateAccount(access_token="GIVEN"))
    assert "its token is no longer valid. Set a fresh TRADOVATE_ACCESS_TOKEN" in str(world.refusal())


def test_contracts_are_asked_for_once() -> None:
    world = World(TOKENS, {"id": 7, "name": "MNQZ6"})
    world.access.market_data_token()
    assert [world.access.contract_id("MNQZ6"), world.access.contract_id("MNQZ6")] == [7, 7]
    assert world.asked[1:] == [("/contract/find?name=MNQZ6", "A1", None)]


def test_a_contract_that_is_not_found_says_why() -> None:
    world = World(TOKENS, Answer(404, {"errorText": "Not found"}))
    world.access.market_data_token()
    with pytest.raises(VenueRefused, match="finds no contract MNQA6: Not found"):
        world.access.contract_id("MNQA6")


def test_contracts_are_not_asked_for_again_at_once_while_tradovate_is_away() -> None:
    world = World(TOKENS, ConnectionError("away"), {"id": 7})
    world.access.market_data_token()
    for _ in range(3):
        with pytest.raises(ConnectionError):
            world.access.contract_id("MNQZ6")
    world.now += 31
    assert world.access.contract_id("MNQZ6") == 7


def test_nothing_of_an_account_is_shown() -> None:
    account = TradovateAccount(
        username="SECRET", password="SECRET", cid="SECRET", secret="SECRET", access_token="SECRET"
    )
    assert "SECRET" not in repr(account)
