"""One client's talk with the TradingView of the tests: its calls, checked one by one, its sessions, its heartbeats."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.venues.server import Client, Deadline, Misconduct

GUEST = "unauthorized_user_token"
SESSION_ID = re.compile(r"qs_[A-Za-z0-9]{12}")
FRAME = re.compile(r"~m~(0|[1-9][0-9]*)~m~")
OF_NO_CONCERN = {
    "set_locale",
    "set_data_quality",
    "quote_hibernate_all",
    "chart_create_session",
    "chart_delete_session",
}


def frame(payload: str) -> str:
    return f"~m~{units(payload)}~m~{payload}"


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def call(method: str, *arguments: Any) -> str:
    return frame(json.dumps({"m": method, "p": arguments}, separators=(",", ":"), ensure_ascii=False))


@dataclass(slots=True)
class QuoteSession:
    fields: set[str] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)  # a symbol's key, as the client wrote it, and the symbol
    fast: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)


class Talk:
    """What TradingView knows of one client. `values_of` gives a symbol's present values, None if there is none."""

    def __init__(
        self,
        client: Client,
        *,
        values_of: Callable[[str], Mapping[str, Any] | None],
        tokens: set[str],
        breaks_session: Callable[[], bool],
    ) -> None:
        self._client = client
        self._values_of = values_of
        self._tokens = tokens
        self._breaks_session = breaks_session
        self._token: str | None = None
        self.sessions: dict[str, QuoteSession] = {}
        self._used_ids: set[str] = set()
        self._broken_ids: set[str] = set()
        self._heartbeats = 0
        self._awaited: dict[str, Deadline] = {}

    def next_heartbeat(self, echo_within_seconds: float) -> str:
        """The next one, framed; it may go out in front of, between or behind data."""
        self._heartbeats += 1
        payload = f"~h~{self._heartbeats}"
        self._awaited[payload] = Deadline(echo_within_seconds)
        return frame(payload)

    @property
    def owes_an_echo(self) -> bool:
        return any(deadline.passed for deadline in list(self._awaited.values()))

    def take(self, message: str) -> None:
        """Take a client's message; raises Misconduct."""
        if not message.isascii():
            raise Misconduct("a length that others may count differently")
        while message:
            found = FRAME.match(message)
            if not found or found.end() + int(found[1]) > len(message):
                raise Misconduct("no frame")
            payload, message = (
                message[found.end() : found.end() + int(found[1])],
                message[found.end() + int(found[1]) :],
            )
            if payload.startswith("~h~"):
                self._take_echo(payload)
            else:
                self._take_call(json.loads(payload))

    def delta(self, symbol: str, values: Mapping[str, Any]) -> list[str]:
        """What each session hears of a change: of the fields that it asked for, by the key that it gave."""
        return [
            call("qsd", session_id, {"n": key, "s": "ok", "v": wanted})
            for session_id, session in list(self.sessions.items())
            for key, of_symbol in list(session.keys.items())
            if of_symbol == symbol
            and (wanted := {name: value for name, value in values.items() if name in session.fields})
        ]

    def _take_echo(self, payload: str) -> None:
        if self._awaited.pop(payload, None) is None:
            raise Misconduct(f"an echo of nothing: {payload}")

    def _take_call(self, said: Mapping[str, Any]) -> None:
        method, arguments = said["m"], said["p"]
        if method == "set_auth_token":
            self._log_in(*arguments)
        elif self._token is None:
            raise Misconduct(f"{method} before set_auth_token")
        elif method == "quote_create_session":
            self._create(*arguments)
        elif method in CALLS:
            self._take_session_call(method, *arguments)
        elif method not in OF_NO_CONCERN:
            raise Misconduct(f"unknown call {method}")

    def _take_session_call(self, method: str, session_id: str, *rest: Any) -> None:
        if session_id in self.sessions:
            CALLS[method](self, session_id, list(rest))
        elif session_id not in self._broken_ids:  # there, what the client said before it knew is in vain
            raise Misconduct(f"{method} in the unknown session {session_id}")

    def _log_in(self, token: str) -> None:
        if token not in self._tokens:
            self._client.say(call("protocol_error", "bad auth token"))
            raise Misconduct("bad auth token")
        self._token = token

    def _create(self, session_id: str) -> None:
        if not SESSION_ID.fullmatch(session_id) or session_id in self._used_ids:
            raise Misconduct(f"no new id of a quote session: {session_id}")
        self._used_ids.add(session_id)
        self.sessions[session_id] = QuoteSession()

    def _set_fields(self, session_id: str, names: list[str]) -> None:
        self.sessions[session_id].fields = set(names)

    def _add_symbols(self, session_id: str, keys: list[Any]) -> None:
        session = self.sessions[session_id]
        if not keys or not session.fields:
            raise Misconduct("quote_add_symbols without symbols or before quote_set_fields")
        if not all(isinstance(key, str) for key in keys) or self._breaks_session():
            del self.sessions[session_id]
            self._broken_ids.add(session_id)
            self._client.say(call("critical_error", session_id, "invalid_parameters", "quote_add_symbols"))
            return
        for key in keys:
            self._add_symbol(session_id, key)

    def _add_symbol(self, session_id: str, key: str) -> None:
        symbol = json.loads(key[1:])["symbol"] if key.startswith("=") else key
        session, values = self.sessions[session_id], self._values_of(symbol)
        if values is None:
            refusal = {"n": key, "s": "error", "errmsg": "no_such_symbol", "v": {}}
            session.refused.add(key)
            self._client.say(call("qsd", session_id, refusal))
            return
        session.keys[key] = symbol
        for part in _parts({name: value for name, value in values.items() if name in session.fields}):
            self._client.say(call("qsd", session_id, {"n": key, "s": "ok", "v": part}))
        self._client.say(call("quote_completed", session_id, key))

    def _remove_symbols(self, session_id: str, keys: list[str]) -> None:
        session = self.sessions[session_id]
        for key in keys:
            if session.keys.pop(key, None) is None and key not in session.refused:
                raise Misconduct(f"quote_remove_symbols of {key}, which is not there")

    def _fast_symbols(self, session_id: str, keys: list[str]) -> None:
        self.sessions[session_id].fast = keys

    def _delete(self, session_id: str, _: list[str]) -> None:
        del self.sessions[session_id]


def _parts(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A snapshot comes in parts: static facts first, then the price, its time, and the book."""
    dynamic = [{"lp"}, {"lp_time"}, {"bid", "ask", "volume"}]
    static = {name: value for name, value in values.items() if not any(name in part for part in dynamic)}
    return [static, *({name: values[name] for name in part if name in values} for part in dynamic)]


CALLS: dict[str, Callable[[Talk, str, list[Any]], None]] = {
    "quote_set_fields": Talk._set_fields,
    "quote_add_symbols": Talk._add_symbols,
    "quote_remove_symbols": Talk._remove_symbols,
    "quote_fast_symbols": Talk._fast_symbols,
    "quote_delete_session": Talk._delete,
}
