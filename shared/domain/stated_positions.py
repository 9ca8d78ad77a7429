"""The position that a body states, as one signed size; what the recorder holds is not known here."""

from typing import Literal

from shared.domain.numbers import refuse_placeholder, shown
from shared.domain.refusals import ValueRefused

MarketPosition = Literal["long", "short", "flat"]
NAMES: dict[str, MarketPosition] = {
    "long": "long",
    "bullish": "long",
    "short": "short",
    "bearish": "short",
    "flat": "flat",
}
OTHER_SIDE: dict[MarketPosition, MarketPosition] = {"long": "short", "short": "long", "flat": "flat"}


def parse_market_position(text: str) -> MarketPosition:
    """Read long, short or flat, or the sentiment that means it; raises ValueRefused."""
    refuse_placeholder(text)
    position = NAMES.get(text.lower())
    if position is None:
        raise ValueRefused(f"{shown(text)!r} is not long, short or flat")
    return position


def combine_size(position: MarketPosition | None, size: int | None) -> int | None:
    """Give the size the sign of the stated side; flat is 0 whatever the size; raises ValueRefused."""
    if position == "flat":
        return 0
    if size is None or position is None:
        return size
    if position == "short":
        return -abs(size)
    if size < 0:
        raise ValueRefused(f"{size} contradicts market position long")
    return size
