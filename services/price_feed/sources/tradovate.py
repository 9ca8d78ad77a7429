"""Tradovate as a venue: dated futures of CME, live for accounts that pay for data over its API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.price_feed.sources.tradovate_access import HOUR, TOO_MANY, TradovateAccess
from services.price_feed.sources.tradovate_talk import TradovateConversation
from services.price_feed.sources.venue import Connection, Trouble
from shared.domain.contracts import Contract
from shared.domain.rolls import dated_symbol

PRODUCTION = "wss://md.tradovateapi.com/v1/websocket"
SIGN_OF_LIFE = "[]"
SIGN_OF_LIFE_SECONDS = 2.5
DEAD_SECONDS = 10  # it beats every 2.5 s when it has nothing else to say


@dataclass(frozen=True, slots=True, kw_only=True)
class TradovateVenue:
    """Futures by their dated names; `front_months` are our user's choice where the calendar is not to decide."""

    access: TradovateAccess = field(repr=False)
    url: str = PRODUCTION
    front_months: Mapping[str, str] = field(default_factory=dict)
    name: str = "tradovate"
    _delayed: set[str] = field(default_factory=set, init=False, repr=False)

    def name_of(self, symbol: str, contract: Contract, at: int) -> str | None:
        """Return MNQZ6 for MNQZ2026, and for MNQ1! while that is the front month."""
        dated = dated_symbol(symbol, contract.root, at, self.front_months) if contract.kind == "future" else None
        return None if dated is None else f"{dated[:-4]}{dated[-1]}"

    def contracts(self, symbol: str, contract: Contract, at: int) -> Sequence[str]:
        """Return MNQZ2026 for MNQ1! while that is the front month."""
        dated = dated_symbol(symbol, contract.root, at, self.front_months) if contract.kind == "future" else None
        return () if dated in {None, symbol} else (dated,)

    def connect(self) -> Connection:
        """Get a token that is accepted, and begin a new talk. Raises VenueRefused and OSError."""
        token = self.access.market_data_token()
        return Connection(
            url=self.url,
            conversation=TradovateConversation(token, self.access, self._delayed),
            keep_alive=SIGN_OF_LIFE,
            keep_alive_seconds=SIGN_OF_LIFE_SECONDS,
            silence_seconds=DEAD_SECONDS,
        )

    def refusal(self, status: int) -> Trouble:
        """Say why there is no socket."""
        seconds = HOUR if status == TOO_MANY else 0
        return Trouble(
            kind="limited",
            sentence=f"Tradovate did not let us connect (HTTP status {status}).",
            retry_after_seconds=seconds,
        )
