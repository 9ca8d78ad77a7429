"""A TradingView of our own, stricter than theirs: who gets something wrong is cut off, and `misconduct` says why."""

import json
import re
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.cookies import SimpleCookie
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request

from tests.venues.server import Client, Deadline, Misconduct, VenueServer
from tests.venues.tradingview_talk import GUEST, Talk, frame

PATH = "/socket.io/websocket"
ORIGIN = re.compile(r"https://(\w+\.)?tradingview\.com")
TURN_SECONDS = 0.02
HELLO = {"session_id": "<0.1.2>_tests", "timestamp": 1713786384, "protocol": "json", "auth_scheme_vsn": 2}


class TradingViewServer(VenueServer):
    """Serves quotes of `market`, each symbol's values by its name, to guests and to those whose log-in it knows."""

    def __init__(
        self,
        market: Mapping[str, Mapping[str, Any]],
        *,
        heartbeat_seconds: float = 10,
        echo_within_seconds: float = 20,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        super().__init__(tls=tls, port=port)
        self.site = self.url.replace("ws", "http", 1)
        self.url += PATH
        self.market = {symbol: dict(values) for symbol, values in market.items()}
        self.log_ins: dict[tuple[str, str], str] = {}  # sessionid and sessionid_sign: the token that their page shows
        self.tokens = {GUEST}
        self.stands_for: dict[str, str] = {}  # continuous symbols, and the dated ones whose prices are theirs too
        self.sessions_to_break = 0
        self.pages = 0
        self._heartbeat_seconds = heartbeat_seconds
        self._echo_within_seconds = echo_within_seconds
        self._talks: dict[Client, Talk] = {}
        self._in_turn = threading.Lock()  # a change comes before a snapshot or after it, never within

    def admit(self, request: Request) -> tuple[int, str] | None:
        path = request.path.partition("?")[0]
        if path == "/":
            return self._page(request)
        if path != PATH:
            return 404, "Not Found"
        origins = request.headers.get_all("Origin")
        if len(origins) > 1:
            return 400, "two origins"
        if not origins or not ORIGIN.fullmatch(origins[0]):
            return 403, "Forbidden"
        return None

    def talk(self, client: Client) -> None:
        talk = Talk(client, values_of=self.market.get, tokens=self.tokens, breaks_session=self._breaks_session)
        client.say(frame(json.dumps(HELLO, separators=(",", ":"))))
        self.note(lambda: self._talks.__setitem__(client, talk))
        try:
            self._listen(client, talk)
        finally:
            self.note(lambda: self._talks.pop(client))

    def _listen(self, client: Client, talk: Talk) -> None:
        heartbeat = Deadline(self._heartbeat_seconds)
        while True:
            message = client.hear(TURN_SECONDS)
            if message:
                with self._in_turn:
                    talk.take(message)
                self.note(lambda: None)
            if heartbeat.passed:
                client.say(talk.next_heartbeat(self._echo_within_seconds))
                heartbeat = Deadline(self._heartbeat_seconds)
            if talk.owes_an_echo:
                raise Misconduct("no echo of a heartbeat")

    def follows(self, *symbols: str) -> bool:
        """Whether there is one client, and it follows exactly these symbols."""
        sessions = [session for talk in self._talks.values() for session in talk.sessions.values()]
        return len(self._talks) == 1 and [set(each.keys.values()) for each in sessions] == [set(symbols)]

    def change(self, symbol: str, **values: Any) -> None:
        """Tell everybody who follows it, or what stands for it, what changed."""
        continuous = [name for name, dated in self.stands_for.items() if dated == symbol]
        for name in (*continuous, symbol):
            self.tell([(name, values)])

    def roll(self, continuous: str, dated: str) -> None:
        """Let a continuous symbol be another contract, under its old name and without a word, as TradingView does."""
        self.stands_for[continuous] = dated
        self.tell([(continuous, self.market[dated])])

    def tell(self, changes: Sequence[tuple[str, Mapping[str, Any]]], *, with_heartbeat: bool = False) -> None:
        """Tell several changes in one message, with a heartbeat among them if asked to."""
        with self._in_turn:
            for symbol, values in changes:
                self.market[symbol].update(values)
            for client, talk in list(self._talks.items()):
                frames = [part for symbol, values in changes for part in talk.delta(symbol, values)]
                if with_heartbeat:
                    frames.insert(1, talk.next_heartbeat(self._echo_within_seconds))
                if frames:
                    with suppress(ConnectionClosed):
                        client.say("".join(frames))

    @contextmanager
    def handshakes_answered(self, status: int) -> Iterator[None]:
        """Refuse every handshake for the length of a `with` block."""
        self.refuse_with = (status, "refused")
        yield
        self.refuse_with = None

    def _page(self, request: Request) -> tuple[int, str]:
        """The site's page: with the token of whoever is logged in."""
        self.note(lambda: setattr(self, "pages", self.pages + 1))
        cookies = SimpleCookie(request.headers.get("Cookie", ""))
        given = tuple(cookies[name].value if name in cookies else "" for name in ("sessionid", "sessionid_sign"))
        token = self.log_ins.get((given[0], given[1]))
        shown = f'"auth_token":"{token}",' if token else ""
        return 200, f'<html><script>var user = {{{shown}"id":1}};</script></html>'

    def _breaks_session(self) -> bool:
        if self.sessions_to_break == 0:
            return False
        self.sessions_to_break -= 1
        return True
