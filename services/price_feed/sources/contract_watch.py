"""Finds out by their prices which dated contract a venue's own continuous symbol stands for; it decides nothing else.

The venue does not say when `MNQ1!` becomes another contract. But the contract that it stands for says the same prices.
"""

from collections.abc import Mapping
from decimal import Decimal

from services.price_feed.sources.venue import VenueQuote
from shared.domain.timestamps import NS_PER_SECOND

SURE_AFTER_NS = 2 * NS_PER_SECOND  # messages of two names that belong together may come that far apart
SETTLED_AFTER_NS = NS_PER_SECOND // 20  # then what moved one contract has moved the other
LOST_AFTER_NS = 20 * NS_PER_SECOND


class ContractWatch:
    """Compares the continuous symbol with dated contracts, all by their names at the venue.

    `serving` is the name whose prices are the symbol's: at first the contract that the log is of, if it is among them,
    else the continuous symbol. It changes only when one dated contract has said for two seconds what the continuous
    symbol says, and the serving one has not; or when none has for twenty: then the continuous symbol serves. It waits
    up to two seconds more for a moment of rest, in which prices of two names are of one moment.
    """

    def __init__(self, symbol: str, own_name: str, contracts: Mapping[str, str], of_log: str) -> None:
        self.symbol = symbol
        self.own_name = own_name
        self.serving = next((name for name, contract in contracts.items() if contract == of_log), own_name)
        self._contracts = contracts
        self._said: dict[str, VenueQuote] = {}
        self._prices: dict[str, Decimal] = {}
        self._rival: str | None = None
        self._rival_since = 0
        self._heard_at = 0
        self._agreed_at: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All names that have to be followed."""
        return tuple(dict.fromkeys((self.own_name, *self._contracts)))

    @property
    def contract(self) -> str:
        """The dated symbol that serves, or the continuous symbol if no contract does."""
        return self._contracts.get(self.serving, self.symbol)

    def offer(self, contracts: Mapping[str, str]) -> None:
        """Compare with these names of dated contracts from now on; the serving one is among them."""
        self._contracts = contracts
        for name in self._prices.keys() - set(self.names):
            del self._prices[name], self._said[name]

    def hear(self, quote: VenueQuote, price: Decimal, at: int) -> None:
        """Take what one of the names says at a moment (ns), and its price on the grid."""
        self._heard_at = at
        self._said[quote.name] = quote
        self._prices[quote.name] = price

    def forget(self) -> None:
        """Forget what was said on a connection that is lost."""
        self._said.clear()
        self._prices.clear()
        self._rival = self._agreed_at = None

    def successor(self, now: int) -> str | None:
        """Return the name that has to serve instead, as of a moment (ns); None while all is as it should be."""
        price = self._prices.get(self.own_name)
        if price is None:
            return None
        if self.serving != self.own_name and self._prices.get(self.serving) == price:
            self._rival, self._agreed_at = None, now
            return None
        agreeing = [name for name in self._contracts if self._prices.get(name) == price]
        if agreeing or self._agreed_at is None:
            self._agreed_at = now
        if len(agreeing) == 1:
            return self._rival_after_a_while(agreeing[0], now)
        is_lost = self.serving != self.own_name and now - self._agreed_at >= LOST_AFTER_NS
        return self.own_name if is_lost else None

    def hand_over(self, name: str) -> Decimal | None:
        """Let another name serve; returns by how much its price is higher, None unless both spoke."""
        old, new = self._prices.get(self.serving), self._prices.get(name)
        self.serving, self._rival = name, None
        return None if old is None or new is None else new - old

    def last_quote(self) -> VenueQuote | None:
        """Return what the serving name said last on this connection."""
        return self._said.get(self.serving)

    def _rival_after_a_while(self, name: str, now: int) -> str | None:
        if name != self._rival:
            self._rival, self._rival_since = name, now
        stood = now - self._rival_since
        is_settled = now - self._heard_at >= SETTLED_AFTER_NS or stood >= 2 * SURE_AFTER_NS
        return name if is_settled and stood >= SURE_AFTER_NS else None
