"""A standing connection to one venue, in a thread: what it hears goes to an inbox, in order; it knows no symbols."""

import logging
import threading
import time
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Literal

from msgspec import Struct

from services.price_feed.sources.reconnecting import ReconnectDelay
from services.price_feed.sources.venue import Connection, Conversation, Heard, Trouble, Venue, VenueRefused
from services.price_feed.sources.venue_socket import TURN_SECONDS, HandshakeRefused, SocketLost, VenueSocket
from shared.domain.timestamps import NS_PER_US
from shared.logs import log_event

MOST_WAITING = 100_000  # messages that nobody took: then something is wrong that a new connection makes visible
STOP_WITHIN_SECONDS = 2.0

LineState = Literal["idle", "connecting", "live", "waiting"]

logger = logging.getLogger(__name__)


class Told(Struct, frozen=True, gc=False):
    """What one message said, and when it came (ns, UTC, in whole microseconds)."""

    line: "VenueLine"
    received_at: int
    heard: Heard


@dataclass(frozen=True, slots=True)
class Lost:
    """A connection ended whose last message came at `last_received_at`."""

    line: "VenueLine"
    last_received_at: int


Inbox = SimpleQueue[Told | Lost]


class _Ended(Exception):
    """The talk is over: the message says why; `retry_after_seconds` is the least pause that the venue asks for."""

    def __init__(self, sentence: str, retry_after_seconds: float = 0) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(sentence)


class VenueLine:
    """Connected while any name is wanted: connects again after each loss, and asks for all names again."""

    def __init__(self, venue: Venue, inbox: Inbox, delay: ReconnectDelay | None = None) -> None:
        self.venue = venue
        self.state: LineState = "idle"
        self.trouble: str | None = None
        self.trouble_at: int | None = None
        self._trouble_of: str | None = None
        self._inbox = inbox
        self._delay = delay or ReconnectDelay()
        self._wanted: frozenset[str] = frozenset()
        self._beside: frozenset[str] = frozenset()
        self._asked_to_reconnect: str | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def want(self, names: Collection[str], beside: Collection[str] = ()) -> None:
        """Follow these names, and no others, from now on; it is no trouble if one of those `beside` is refused."""
        self._beside = frozenset(beside)
        wanted = frozenset((*names, *beside))
        if wanted != self._wanted:
            self._wanted = wanted
        if wanted and self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self.venue.name, daemon=True)
            self._thread.start()

    def reconnect(self, reason: str) -> None:
        """Give the connection up for a new one."""
        if self.state == "live":
            self._asked_to_reconnect = reason

    def stop(self) -> None:
        """Hang up, for good."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_SECONDS)
        self.state = "idle"

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self._wanted:
                pause = self._connection_and_its_end()
                self.state = "waiting"
                self._stopping.wait(pause)
            else:
                self.state = "idle"
                self._stopping.wait(TURN_SECONDS)

    def _connection_and_its_end(self) -> float:
        """Live through one connection; returns how many seconds to wait before the next."""
        opened_at: float | None = None
        try:
            self.state = "connecting"
            connection = self.venue.connect()
            with closing(VenueSocket(connection)) as socket:
                opened_at = time.monotonic()
                self._talk(socket, connection)
        except Exception as error:  # noqa: BLE001 - none may end the feed in silence: each is shown, and tried again
            sentence, retry_after = self._reason(error)
            self._note(sentence)
            lived = 0.0 if opened_at is None else time.monotonic() - opened_at
            return max(retry_after, self._delay.after(lived))
        return 0

    def _reason(self, error: Exception) -> tuple[str, float]:
        """Say why there is no connection, and for how many seconds the venue wants to be left alone."""
        match error:
            case HandshakeRefused():
                refusal = self.venue.refusal(error.status)
                return refusal.sentence, refusal.retry_after_seconds
            case VenueRefused() | _Ended():
                return str(error), error.retry_after_seconds
            case SocketLost() | OSError():
                return str(error), 0
        logger.error("venue_failed", exc_info=error)
        return f"a mistake of this program: {error!r}", 0

    def _talk(self, socket: VenueSocket, connection: Connection) -> None:
        talk = connection.conversation
        self.state, self._asked_to_reconnect = "live", None
        log_event(logger, "venue_connected", venue=self.venue.name, symbols=len(self._wanted))
        socket.send(talk.greet())
        asked: frozenset[str] = frozenset()
        received_at = 0
        keep_alive_at = time.monotonic() + connection.keep_alive_seconds
        try:
            while self._wanted and not self._stopping.is_set():
                if asked is not self._wanted:
                    self._forget_trouble(self._wanted - asked)
                    asked = _ask(socket, talk, asked, self._wanted)
                messages = socket.receive()
                if messages:
                    received_at = time.time_ns() // NS_PER_US * NS_PER_US
                for message in messages:
                    self._take(socket, talk.hear(message), received_at)
                keep_alive_at = _keep_alive(socket, connection, keep_alive_at)
                if not messages:
                    self._watch(socket, connection)
        finally:
            if received_at:
                self._inbox.put(Lost(self, received_at))

    def _take(self, socket: VenueSocket, heard: Heard, received_at: int) -> None:
        if heard.replies:
            socket.send(heard.replies)
        if heard.quotes or heard.troubles or heard.missed or heard.alive:
            self._inbox.put(Told(self, received_at, heard))
        for trouble in heard.troubles:
            self._mind(trouble)
        if self._asked_to_reconnect:
            raise _Ended(self._asked_to_reconnect)
        if self._inbox.qsize() > MOST_WAITING:
            raise _Ended("messages come faster than they can be stored")

    def _mind(self, trouble: Trouble) -> None:
        if trouble.kind in {"refused", "limited"}:
            raise _Ended(trouble.sentence, trouble.retry_after_seconds)
        if trouble.kind == "unknown_symbol" and trouble.name in self._beside:
            self._log(trouble.sentence)
            return
        self._note(trouble.sentence)
        self._trouble_of = trouble.name

    def _forget_trouble(self, names: Collection[str]) -> None:
        """Take back what was said of names that are asked for anew: if it still holds, we are told again."""
        if self._trouble_of in names:
            self.trouble = self.trouble_at = self._trouble_of = None

    def _watch(self, socket: VenueSocket, connection: Connection) -> None:
        if self._asked_to_reconnect:
            raise _Ended(self._asked_to_reconnect)
        if time.monotonic() - socket.heard_at > connection.silence_seconds:
            raise _Ended(f"the venue said nothing for {connection.silence_seconds:g} s")

    def _note(self, sentence: str) -> None:
        if sentence != self.trouble:
            self._log(sentence)
        self.trouble, self.trouble_at, self._trouble_of = sentence, time.time_ns(), None

    def _log(self, sentence: str) -> None:
        log_event(logger, "venue_trouble", level=logging.WARNING, venue=self.venue.name, reason=sentence)


def _ask(socket: VenueSocket, talk: Conversation, asked: frozenset[str], wanted: frozenset[str]) -> frozenset[str]:
    """Make the venue send what is wanted; returns that."""
    if gone := asked - wanted:
        socket.send(talk.unsubscribe(gone))
    if new := wanted - asked:
        socket.send(talk.subscribe(new))
    return wanted


def _keep_alive(socket: VenueSocket, connection: Connection, due_at: float) -> float:
    """Send the sign of life if it is due before we look again; returns when the next one is."""
    now = time.monotonic()
    if connection.keep_alive is None or now + 2 * TURN_SECONDS < due_at:
        return due_at
    socket.send([connection.keep_alive])
    return now + connection.keep_alive_seconds
