"""Tradovate's log-in and table of contracts, strict: a ticket that comes early or with another body is misconduct."""

import json
import time
from datetime import UTC, datetime
from typing import Any

from tests.venues.http_server import HttpAnswer, HttpRequest, HttpServer
from tests.venues.server import Deadline

NEEDED = {"name", "password", "appId", "appVersion"}


class TradovateRest(HttpServer):
    """Lets one user in, with new tokens each time; `penalties` are imposed on the next log-ins, one each."""

    def __init__(self, *, life_seconds: float = 5400) -> None:
        super().__init__()
        self.url += "/v1"
        self.user = ("trader", "pass word")
        self.contracts = {"MNQZ6": 3570918, "ESZ6": 3570919, "MNQH7": 3580001}
        self.penalties: list[dict[str, Any]] = []
        self.misconduct: list[str] = []
        self.is_entitled = True  # to market data
        self.log_ins = 0
        self.renewals = 0
        self.access: set[str] = set()
        self.market_data: set[str] = set()
        self._life_seconds = life_seconds
        self._penalty: tuple[str, Deadline, dict[str, Any]] | None = None

    def revoke(self) -> None:
        """Let all tokens expire."""
        self.access.clear()
        self.market_data.clear()

    def answer(self, request: HttpRequest) -> HttpAnswer:
        match request.method, request.path.lower():
            case "POST", "/v1/auth/accesstokenrequest":
                return self._log_in(request.json)
            case "GET", "/v1/auth/renewaccesstoken":
                return self._renew(request)
            case "GET", "/v1/contract/find":
                return self._find(request)
        return HttpAnswer(status=404, body={"errorText": "Not found"})

    def _log_in(self, body: dict[str, Any]) -> HttpAnswer:
        ticket = body.pop("p-ticket", None)
        if self._penalty is not None:
            expected, deadline, first = self._penalty
            if ticket != expected or not deadline.passed or body != first:
                self.misconduct.append(
                    f"ticket {ticket} of {expected}, {deadline.left:.2f} s early, body {body == first}"
                )
            self._penalty = None
        elif ticket is not None:
            self.misconduct.append("a ticket that nobody issued")
        if self.penalties:
            penalty = self.penalties.pop(0)
            if not penalty.get("p-captcha"):
                self._penalty = (penalty["p-ticket"], Deadline(penalty["p-time"]), body)
            return HttpAnswer(body=penalty)
        if missing := NEEDED - body.keys():
            self.misconduct.append(f"no {sorted(missing)}")
        if (body.get("name"), body.get("password")) != self.user:
            return HttpAnswer(body={"errorText": "Incorrect username or password. Please try again."})
        self.log_ins += 1
        return HttpAnswer(body=self._tokens())

    def _renew(self, request: HttpRequest) -> HttpAnswer:
        if not self._is_known(request):
            return HttpAnswer(status=401, body={"errorText": "Expired Access Token"})
        self.renewals += 1
        return HttpAnswer(body=self._tokens())

    def _find(self, request: HttpRequest) -> HttpAnswer:
        if not self._is_known(request):
            return HttpAnswer(status=401, body=b"Access is denied")
        number = self.contracts.get(request.query.get("name", ""))
        if number is None:
            return HttpAnswer(status=404, body={"errorText": "Contract not found"})
        return HttpAnswer(body={"id": number, "name": request.query["name"], "contractMaturityId": 1})

    def _is_known(self, request: HttpRequest) -> bool:
        return request.headers.get("authorization", "").removeprefix("Bearer ") in self.access

    def _tokens(self) -> dict[str, Any]:
        number = self.log_ins + self.renewals
        access, market_data = f"access-{number}", f"md-{number}"
        self.access.add(access)
        if self.is_entitled:
            self.market_data.add(market_data)
        expires = datetime.fromtimestamp(time.time() + self._life_seconds, UTC)
        return {
            "accessToken": access,
            "mdAccessToken": market_data,
            "expirationTime": expires.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "userStatus": "Active",
            "userId": 1,
            "name": self.user[0],
            "hasLive": True,
        }


def quote(contract: int, price: str, volume: int, **entries: Any) -> str:
    """Write one quote; the price is a JSON number with the digits that were given."""
    others = "".join(f',"{name}":{json.dumps(value)}' for name, value in entries.items())
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return (
        f'{{"timestamp":"{now}","contractId":{contract},"entries":{{"Trade":{{"price":{price},"size":1}},'
        f'"TotalTradeVolume":{{"size":{volume}}}{others}}}}}'
    )
