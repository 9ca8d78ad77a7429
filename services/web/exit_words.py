"""Exits that move, in words; where they are shown is not known here."""

from decimal import Decimal

from services.web.formatting import format_number


def ticks_words(number: Decimal | int) -> str:
    """Write a distance in ticks: `1 tick`, `8.5 ticks`."""
    return f"{format_number(number)} {'tick' if number == 1 else 'ticks'}"


def trail_words(trigger_ticks: Decimal, step_ticks: int) -> str:
    """Say from where on and in which steps a stop follows the best price."""
    begins = f"from {ticks_words(trigger_ticks)} in favour" if trigger_ticks else "at once"
    return f"follows the best price {begins}, by {ticks_words(step_ticks)} at a time"


def closes_words(quantity: int | None, *, alone: bool) -> str:
    """Say how much a target closes; without a quantity it is what is left, or all of it where it stands alone."""
    if quantity is None:
        return "all" if alone else "the rest"
    return format_number(quantity)
