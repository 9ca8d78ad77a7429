"""What an adapter tells of its venue: its names, how to connect, and what its messages mean.

An adapter holds no socket, no clock and no thread: VenueSource has those, one for all adapters. What is made anew for
every message is a Struct: making a frozen dataclass takes ten times as long, and the collector has no work with it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

from msgspec import Struct

from shared.domain.contracts import Contract

TroubleKind = Literal["unknown_symbol", "delayed", "unreadable", "refused", "limited"]


class VenueQuote(Struct, frozen=True, kw_only=True, gc=False):
    """A price at which something traded, by the venue's name for it; `venue_time` (ns, UTC) is None if not told."""

    name: str
    price: Decimal
    venue_time: int | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    size: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that a user has to know, as a sentence.

    `unknown_symbol` and `delayed` concern `name` and leave the connection as it is; `delayed` by 0 seconds is live
    again, by None nobody knows how much. `unreadable` is a message, or a part of one, that was dropped. `refused` and
    `limited` end the connection: it is opened again after `retry_after_seconds`, at the earliest.
    """

    kind: TroubleKind
    sentence: str
    name: str | None = None
    delay_seconds: int | None = None
    retry_after_seconds: float = 0


class Heard(Struct, frozen=True, kw_only=True, gc=False):
    """What one message came to: what to answer, in order, and what it said; `missed` names lost messages there.

    `alive` names got news that is no price: their feed is not dead, only their price has not changed.
    """

    replies: Sequence[str] = ()
    quotes: Sequence[VenueQuote] = ()
    troubles: Sequence[Trouble] = ()
    missed: Collection[str] = ()
    alive: Collection[str] = ()


class Conversation(Protocol):
    """The talk of one connection, from its opening to its end; a new connection begins a new one."""

    def greet(self) -> Sequence[str]:
        """Return what to send as soon as the socket is open."""

    def subscribe(self, names: Collection[str]) -> Sequence[str]:
        """Return what to send to get these, or what a venue that is not ready yet lets the talk send later."""

    def unsubscribe(self, names: Collection[str]) -> Sequence[str]:
        """Return what to send to get these no longer."""

    def hear(self, message: str) -> Heard:
        """Take one message of the socket; whatever it holds, this does not raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where and how to connect; `keep_alive` is sent every `keep_alive_seconds`, whatever else is sent."""

    url: str
    conversation: Conversation
    origin: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    keep_alive: str | None = None
    keep_alive_seconds: float = 0
    silence_seconds: float = 30  # a socket that says nothing for so long is dead


class VenueRefused(Exception):
    """A venue does not let us in; the message says why and what to do."""

    def __init__(self, sentence: str, *, retry_after_seconds: float = 0) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(sentence)


class Venue(Protocol):
    """A venue with what our user has there."""

    @property
    def name(self) -> str:
        """The word that chooses it: tradingview, tradovate, coinbase, kraken."""

    def name_of(self, symbol: str, contract: Contract, at: int) -> str | None:
        """Return its name for a normal symbol at a moment (ns, UTC); None if it has nothing of the kind."""

    def contracts(self, symbol: str, contract: Contract, at: int) -> Sequence[str]:
        """Return the dated symbols for one of which a continuous one stands there at a moment (ns, UTC).

        Empty for any other symbol, and where we do not know.
        """

    def connect(self) -> Connection:
        """Prepare a new connection; may ask the venue over HTTP. Raises VenueRefused, and OSError while it is away."""

    def refusal(self, status: int) -> Trouble:
        """Say what it means that a handshake was answered with this HTTP status, not with a socket."""
