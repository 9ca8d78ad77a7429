"""Our way into Tradovate: the token, its renewal and its penalties, and what contracts are called there.

Nothing waits here: who has to wait is told for how long, and asked again after it.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from services.price_feed.sources.tradovate_account import TradovateAccount
from services.price_feed.sources.tradovate_http import Answer, Ask, ask_http
from services.price_feed.sources.venue import VenueRefused
from shared.domain.refusals import ValueRefused
from shared.domain.timestamps import NS_PER_SECOND, parse_timestamp
from shared.logs import log_event

LOG_IN_SECONDS = 10.0  # the longest that a log-in may take; during a talk, less than its silence may last
IN_TALK_SECONDS = 2.0
RENEW_BEFORE_SECONDS = 600  # a token lives for about 90 minutes
USUAL_LIFE_SECONDS = 4500
TRY_AGAIN_SECONDS = 30
REFUSED_SECONDS = 600  # a wrong password that is tried again and again locks the account
HOUR = 3600
LOCKED, TOO_MANY = 423, 429

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Tokens:
    access: str = field(repr=False)
    market_data: str = field(repr=False)
    made_at: float
    expires_at: float
    renew_at: float


class TradovateAccess:
    """The token of one account, fresh for as long as somebody asks."""

    def __init__(
        self, account: TradovateAccount, url: str, *, ask: Ask | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self._account = account
        self._url = url
        self._ask = ask or ask_http
        self._now = now
        self._tokens: _Tokens | None = None
        self._given = account.access_token
        self._ticket: str | None = None
        self._closed_until = 0.0
        self._closed_because = ""
        self._contracts: dict[str, int] = {}
        self._find_again_at = 0.0

    def market_data_token(self) -> str:
        """Return a token for a new connection. Raises VenueRefused, and OSError while Tradovate is away."""
        self._refuse_while_closed()
        if self._tokens is None and self._given:
            now = self._now()
            self._tokens = _Tokens(self._given, self._given, now, now + USUAL_LIFE_SECONDS, now)
        if self._tokens is not None and self._now() >= self._tokens.renew_at:
            self._renew(self._tokens, LOG_IN_SECONDS)
        if self._tokens is None:
            self._tokens = self._log_in()
        return self._tokens.market_data

    def keep_fresh(self) -> None:
        """Renew the token when that is due; a talk goes on with an old one, so that a failure can wait."""
        if self._tokens is None or self._now() < self._tokens.renew_at:
            return
        try:
            self._renew(self._tokens, IN_TALK_SECONDS)
        except OSError as error:
            log_event(logger, "token_not_renewed", level=logging.WARNING, venue="tradovate", reason=str(error))

    def forget(self) -> float:
        """Drop a token that was not accepted; returns after how many seconds a new one is worth a try."""
        is_fresh = self._tokens is not None and self._now() < self._tokens.made_at + TRY_AGAIN_SECONDS
        self._tokens, self._given = None, ""
        return REFUSED_SECONDS if is_fresh else 0

    def contract_id(self, name: str) -> int:
        """Find the number by which quotes name a contract. Raises VenueRefused if there is none, and OSError."""
        if name not in self._contracts:
            self._contracts[name] = self._find(name)
        return self._contracts[name]

    def _find(self, name: str) -> int:
        if self._tokens is None or self._now() < self._find_again_at:
            raise ConnectionError("asked a moment ago")
        self._find_again_at = self._now() + TRY_AGAIN_SECONDS
        answer = self._ask(f"{self._url}/contract/find?name={quote(name)}", self._tokens.access, None, IN_TALK_SECONDS)
        if answer.status == TOO_MANY:
            raise ConnectionError("too many requests")
        self._find_again_at = 0.0
        number = answer.body.get("id")
        if not isinstance(number, int):
            reason = answer.error_text or f"HTTP status {answer.status}"
            raise VenueRefused(f"Tradovate finds no contract {name}: {reason}.")
        return number

    def _renew(self, tokens: _Tokens, timeout: float) -> None:
        """Replace the tokens, or drop them if they cannot be renewed any more."""
        try:
            answer = self._ask(f"{self._url}/auth/renewaccesstoken", tokens.access, None, timeout)
        except OSError:
            if self._now() >= tokens.expires_at:
                raise
            self._tokens = replace(tokens, renew_at=self._now() + TRY_AGAIN_SECONDS)
            return
        self._tokens = self._tokens_of(answer)

    def _log_in(self) -> _Tokens:
        if not self._account.can_log_in:
            reason = "its token is no longer valid" if self._account.access_token else "there is no account"
            raise self._close(
                f"Tradovate does not let us in: {reason}. Set a fresh TRADOVATE_ACCESS_TOKEN, or "
                "TRADOVATE_USERNAME and TRADOVATE_PASSWORD.",
                REFUSED_SECONDS,
            )
        body = self._account.log_in()
        if self._ticket is not None:
            body["p-ticket"], self._ticket = self._ticket, None
        answer = self._ask(f"{self._url}/auth/accesstokenrequest", None, body, LOG_IN_SECONDS)
        tokens = self._tokens_of(answer)
        if tokens is None:
            raise self._refused(answer)
        return tokens

    def _tokens_of(self, answer: Answer) -> _Tokens | None:
        access = answer.body.get("accessToken")
        if not isinstance(access, str) or not access:
            return None
        now = self._now()
        try:
            expires_at = parse_timestamp(str(answer.body.get("expirationTime"))) / NS_PER_SECOND
        except ValueRefused:
            expires_at = now + USUAL_LIFE_SECONDS
        # A clock of ours that is ahead must not make every look a renewal.
        renew_at = max(expires_at - RENEW_BEFORE_SECONDS, now + TRY_AGAIN_SECONDS)
        return _Tokens(access, str(answer.body.get("mdAccessToken") or access), now, expires_at, renew_at)

    def _refused(self, answer: Answer) -> VenueRefused:
        """Say why a log-in failed, and keep the door shut for as long as Tradovate says."""
        wait = answer.body.get("p-time")
        if answer.body.get("p-captcha"):
            return self._close(
                "Tradovate wants a captcha solved, which only its own program can: too many log-ins came from this "
                "network. Log in at tradovate.com once; tried again in an hour.",
                HOUR,
            )
        if "p-ticket" in answer.body and isinstance(wait, int | float):
            self._ticket = str(answer.body["p-ticket"])
            return self._close(f"Tradovate lets log-ins from this network wait for {wait:g} s.", float(wait))
        if answer.status in {LOCKED, TOO_MANY}:
            return self._close(f"Tradovate takes no more log-ins for now (HTTP status {answer.status}).", HOUR)
        reason = answer.error_text or f"HTTP status {answer.status}"
        return self._close(
            f"Tradovate refuses the log-in: {reason}. Check TRADOVATE_USERNAME, TRADOVATE_PASSWORD, TRADOVATE_CID and "
            "TRADOVATE_SECRET, and whether TRADOVATE_URL is for demo or live.",
            REFUSED_SECONDS,
        )

    def _close(self, sentence: str, seconds: float) -> VenueRefused:
        self._closed_until, self._closed_because = self._now() + seconds, sentence
        return VenueRefused(sentence, retry_after_seconds=seconds)

    def _refuse_while_closed(self) -> None:
        left = self._closed_until - self._now()
        if left > 0:
            raise VenueRefused(self._closed_because, retry_after_seconds=left)
