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
