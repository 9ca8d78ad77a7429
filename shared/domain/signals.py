"""From a webhook body to a signal; it does not know contracts, settings or positions."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from shared.domain.actions import Action
from shared.domain.overrides import NO_OVERRIDES, Overrides
from shared.domain.refusals import SignalRefused

__all__ = ["Action", "MarketPosition", "Signal", "SignalRefused", "SignalType", "parse_quantity", "parse_signal"]

MarketPosition = Literal["long", "short", "flat"]
SignalType = Literal["strategy", "alert"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What a body said, checked as far as that goes without looking at anything else.

    `position_size` is the stated target, signed: already combined with the market position.
    `quantity_text` is unchecked until a rule uses it (`parse_quantity`). `occurred_at` is ns, UTC.
    `action` CLOSE_ALL has no symbol: it closes every open position of the recorder.
    """

    action: Action | None = None
    symbol_text: str | None = None
    price: Decimal | None = None
    quantity_text: str | None = None
    market_position: MarketPosition | None = None
    position_size: int | None = None
    previous_size: int | None = None
    occurred_at: int | None = None
    alert_id: str | None = None
    recorder_name: str | None = None
    overrides: Overrides = NO_OVERRIDES
    signal_type: SignalType = "alert"


def parse_signal(body: bytes | str) -> Signal:
    """Read a webhook body; raises SignalRefused with the reason."""
    raise NotImplementedError


def parse_quantity(text: str) -> int:
    """Read a quantity that a rule is about to use; raises SignalRefused."""
    raise NotImplementedError
