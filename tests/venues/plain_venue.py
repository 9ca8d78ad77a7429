"""The simplest venue there can be, and its adapter: lines of words. It stands in where the protocol does not matter.

The client says `hello`, `follow NAME`, `leave NAME`, `beat`; the server `price NAME PRICE [VENUE_TIME]`, `alive NAME`,
`lost NAME`, `trouble KIND NAME SECONDS`, `ping`.
"""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import cast

from services.price_feed.sources.venue import Connection, Heard, Trouble, TroubleKind, VenueQuote
from shared.domain.contracts import Contract
from tests.venues.server import Client, Misconduct, VenueServer


class PlainServer(VenueServer):
    """Says `price` only of what a client follows, on its connection."""

    patience_seconds: float | None = None  # how long a client may say nothing

    followed: frozenset[str] = frozenset()  # by the client that came last

    def talk(self, client: Client) -> None:
        self.followed = frozenset()
        try:
            self._serve_words(client)
        finally:
            self.followed = frozenset()

    def _serve_words(self, client: Client) -> None:
        if client.hear(2) != "hello":
            raise Misconduct("no hello")
        while True:
            said = client.hear(self.patience_seconds)
            if said is None:
                raise Misconduct("no sign of life")
            verb, _, name = said.partition(" ")
            if verb == "follow":
                self.followed |= {name}
            elif verb == "leave":
                self.followed -= {name}


class PlainTalk:
    def greet(self) -> Sequence[str]:
        return ["hello"]

    def subscribe(self, names: Collection[str]) -> Sequence[str]:
        return [f"follow {name}" for name in sorted(names)]

    def unsubscribe(self, names: Collection[str]) -> Sequence[str]:
        return [f"leave {name}" for name in sorted(names)]

    def hear(self, message: str) -> Heard:
        verb, *words = message.split(" ")
        if verb == "price":
            venue_time = int(words[2]) if len(words) > 2 else None
            return Heard(quotes=[VenueQuote(name=words[0], price=Decimal(words[1]), venue_time=venue_time)])
        if verb == "trouble":
            kind, name, seconds = cast("TroubleKind", words[0]), words[1], int(words[2])
            sentence = f"{kind} {name}"
            if kind == "delayed":
                return Heard(troubles=[Trouble(kind=kind, sentence=sentence, name=name, delay_seconds=seconds)])
            return Heard(troubles=[Trouble(kind=kind, sentence=sentence, name=name, retry_after_seconds=seconds)])
        if verb == "alive":
            return Heard(alive=words)
        if verb == "lost":
            return Heard(missed=words)
        return Heard(replies=["pong"]) if verb == "ping" else Heard()


class PlainVenue:
    def __init__(
        self,
        url: str,
        *,
        name: str = "plain",
        names: dict[str, str] | None = None,
        keep_alive_seconds: float = 0,
        silence_seconds: float = 30,
    ) -> None:
        self.name = name
        self.url = url
        self.names = names
        self._keep_alive_seconds = keep_alive_seconds
        self._silence_seconds = silence_seconds

    def name_of(self, symbol: str, _contract: Contract, _at: int) -> str | None:
        if self.names is None:
            return symbol.lower()
        return symbol if symbol in self.names.values() else self.names.get(symbol)

    def contracts(self, symbol: str, _contract: Contract, _at: int) -> Sequence[str]:
        """Names that are not the symbol's own are of contracts: none is compared."""
        name = self.name_of(symbol, _contract, _at)
        return () if name in {None, symbol.lower()} else (name,)

    def connect(self) -> Connection:
        return Connection(
            url=self.url,
            conversation=PlainTalk(),
            origin="https://plain.example",
            headers={"X-Plain": "yes"},
            keep_alive="beat" if self._keep_alive_seconds else None,
            keep_alive_seconds=self._keep_alive_seconds,
            silence_seconds=self._silence_seconds,
        )

    def refusal(self, status: int) -> Trouble:
        return Trouble(kind="refused", sentence=f"plain does not let us in: {status}", retry_after_seconds=0.2)
