"""What would be held after an alert that is tried, with its exits and what moves them, in words for its page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

from services.web.exit_words import closes_words, ticks_words, trail_words
from services.web.formatting import format_mean_price, format_number, format_price, format_time
from services.web.planned_exits import PlannedExits, planned_exits
from services.web.trade_view import REASONS
from shared.domain.position import Position
from shared.domain.timestamps import to_datetime
from shared.domain.trades import LONG, ExitReason


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldThen:
    """A position that would be held: its size, and what else there is to know of it, each with its name."""

    words: str
    facts: Sequence[tuple[str, str]]


def view_held(position: Position, zone: ZoneInfo) -> HeldThen:
    """Show a position, times in a zone."""
    return HeldThen(words=held_words(position), facts=tuple(_facts(position, zone)))


def held_words(position: Position) -> str:
    """Write what is held: `long 2 MNQ1!`."""
    side = "long" if position.direction == LONG else "short"
    return f"{side} {format_number(position.quantity)} {position.symbol}"


def _facts(position: Position, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    tick_size, exits = position.contract.tick_size, planned_exits(position)
    yield "Average entry", format_mean_price(position.avg_entry_price, tick_size)
    yield "Stop", _stop(exits, tick_size)
    if exits.trail:
        yield "Trailing", trail_words(exits.trail.trigger_ticks, exits.trail.step_ticks)
    if exits.break_even and exits.break_even_price is not None:
        price = format_price(exits.break_even_price, tick_size)
        yield "Break-even", f"stop to {price} from {ticks_words(exits.break_even.trigger_ticks)} in favour"
    yield "Take profit", ", ".join(_targets(exits, tick_size)) or "none"
    if exits.average_down_price is not None:
        price = format_mean_price(exits.average_down_price, tick_size)
        yield "Averages down", f"adds {format_number(exits.average_down_quantity)} at {price}"
    if exits.closes_at is not None:
        yield "Session ends", format_time(to_datetime(exits.closes_at), zone)


def _stop(exits: PlannedExits, tick_size: Decimal) -> str:
    if exits.stop_price is None or exits.stop_reason is None:
        return "none"
    price = format_price(exits.stop_price, tick_size)
    return price if exits.stop_reason == ExitReason.SL else f"{price} ({REASONS[exits.stop_reason].lower()})"


def _targets(exits: PlannedExits, tick_size: Decimal) -> Iterator[str]:
    for leg in exits.targets:
        amount = closes_words(leg.quantity, alone=len(exits.targets) == 1)
        yield f"{format_price(leg.level.price, tick_size)} for {amount}"
