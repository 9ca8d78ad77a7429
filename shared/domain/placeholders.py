"""TradingView's placeholders, filled in as it does when a strategy's order fills; TradingView itself is not asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from shared.domain.numbers import plain
from shared.domain.timestamps import format_timestamp

PLACEHOLDER = re.compile(r"\{\{\s*([a-z_.0-9]+)\s*\}\}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyOrder:
    """An order of a strategy that held `held_before` (negative: short); `contracts` is negative where it sells.

    `price` is None where no price is known; `filled_at` is ns, UTC.
    """

    ticker: str | None
    contracts: int
    held_before: int
    price: Decimal | None
    filled_at: int


def fill_placeholders(message: str, order: StrategyOrder) -> str:
    """Fill in what the order tells; any other placeholder stays as it is."""
    values = _values(order)
    return PLACEHOLDER.sub(lambda found: values.get(found[1].lower()) or found[0], message)


def _values(order: StrategyOrder) -> Mapping[str, str]:
    held = order.held_before + order.contracts
    price = "" if order.price is None else plain(order.price)
    moment = format_timestamp(order.filled_at, 0)
    return {
        "ticker": order.ticker or "",
        **dict.fromkeys(("open", "high", "low", "close", "strategy.order.price"), price),
        **dict.fromkeys(("time", "timenow"), moment),
        "strategy.order.action": "buy" if order.contracts > 0 else "sell",
        "strategy.order.contracts": str(abs(order.contracts)),
        "strategy.order.id": "Order",
        "strategy.order.comment": "Order",
        "strategy.position_size": str(held),
        "strategy.market_position": _side(held),
        "strategy.market_position_size": str(abs(held)),
        "strategy.prev_market_position": _side(order.held_before),
        "strategy.prev_market_position_size": str(abs(order.held_before)),
    }


def _side(held: int) -> str:
    if held == 0:
        return "flat"
    return "long" if held > 0 else "short"
