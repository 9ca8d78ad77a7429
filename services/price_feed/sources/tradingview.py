"""TradingView as a venue: its names for symbols, the way in, and what its refusals mean. Unofficial: it may change."""

import re
import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.price_feed.sources.tradingview_session import TradingViewConversation
from services.price_feed.sources.tradingview_token import GUEST_TOKEN, fetch_token
from services.price_feed.sources.venue import Connection, Trouble
from shared.domain.contracts import Contract
from shared.domain.rolls import contracts_near, dated_symbol

URL = "wss://data.tradingview.com/socket.io/websocket"
SITE = "https://www.tradingview.com"  # the page with the token; also the Origin, wherever that page is
# Without a browser's name the site answers with a puzzle, not with a page.
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
EXCHANGE = re.compile(r"[A-Z0-9_]{1,30}")
# Where TradingView lists these; the table of contracts names the exchange proper.
OTHER_EXCHANGES = {
    "MGC": "COMEX_MINI",
    "SIL": "COMEX_MINI",
    "MHG": "COMEX_MINI",
    "M6E": "CME_MINI",
    "M6A": "CME_MINI",
    "M6B": "CME_MINI",
}
ID_CHARACTERS = string.ascii_letters + string.digits
FORBIDDEN, TOO_MANY = 403, 429


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingView:
    """A guest's TradingView, or with both cookies of a log-in that of its account."""

    url: str = URL
    site: str = SITE
    session: str = field(default="", repr=False)
    session_sign: str = field(default="", repr=False)
    front_months: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The word that chooses it."""
        return "tradingview"

    def name_of(self, symbol: str, contract: Contract, at: int) -> str | None:
        """Return `EXCHANGE:SYMBOL`, the exchange being the contract's; None if that cannot be one of TradingView's.

        Where our user chose the front month, that takes the place of the continuous symbol.
        """
        exchange, asked = contract.exchange.upper(), symbol
        if contract.kind == "future":
            exchange = OTHER_EXCHANGES.get(contract.root, exchange)
            if contract.root in self.front_months:
                asked = dated_symbol(symbol, contract.root, at, self.front_months) or symbol
        return f"{exchange}:{asked}" if EXCHANGE.fullmatch(exchange) else None

    def contracts(self, symbol: str, contract: Contract, at: int) -> Sequence[str]:
        """Return those for which its continuous symbol may stand: it rolls at its own time, and does not say when."""
        return contracts_near(symbol, contract.root, at, self.front_months) if contract.kind == "future" else ()

    def connect(self) -> Connection:
        """Prepare a connection, with a fresh token if there is a log-in. Raises VenueRefused and OSError."""
        token = GUEST_TOKEN
        if self.session:
            token = fetch_token(self.site, session=self.session, session_sign=self.session_sign, headers=BROWSER)
        conversation = TradingViewConversation(token=token, new_session_id=_new_session_id)
        return Connection(url=self.url, conversation=conversation, origin=SITE, headers=BROWSER)

    def refusal(self, status: int) -> Trouble:
        """Say what a refused handshake means."""
        if status == TOO_MANY:
            sentence = (
                "TradingView takes no more connections from this address for now (429): close other programs and "
                "browser tabs that use it; one connection carries all symbols."
            )
            return Trouble(kind="limited", sentence=sentence, retry_after_seconds=60)
        if status == FORBIDDEN:
            sentence = (
                "TradingView refuses the connection (403): it no longer takes this address or this program for a "
                "browser. Choose another feed if that stays so."
            )
        else:
            sentence = f"TradingView answers with HTTP status {status}: check TRADINGVIEW_URL."
        return Trouble(kind="refused", sentence=sentence, retry_after_seconds=30)


def _new_session_id() -> str:
    return "qs_" + "".join(secrets.choice(ID_CHARACTERS) for _ in range(12))
