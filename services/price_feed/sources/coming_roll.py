"""A roll that the log does not have yet: it is told with the first price of the new contract."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Self


@dataclass(frozen=True, slots=True)
class ComingRoll:
    """To which contract, and how much higher that is; None: its first price stands where the last one before stood."""

    contract: str
    difference: Decimal | None
    last_price: Decimal | None

    def difference_at(self, first_price: Decimal) -> Decimal:
        """Return how much higher the new contract is, given its first price; 0 if there was no price before."""
        if self.difference is not None:
            return self.difference
        return Decimal(0) if self.last_price is None else first_price - self.last_price

    def on_to(self, contract: str, difference: Decimal | None) -> Self:
        """Go on to yet another contract before a price of this one came."""
        if self.difference is None or difference is None:
            return replace(self, contract=contract, difference=None)
        return replace(self, contract=contract, difference=self.difference + difference)

    def after(self, difference: Decimal) -> Self:
        """Take in a roll that was to come before this one."""
        if self.difference is not None:
            return replace(self, difference=difference + self.difference)
        return replace(self, last_price=None if self.last_price is None else self.last_price - difference)
