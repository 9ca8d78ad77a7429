"""How a single setting reads from JSON or from a form; which settings there are is not known here."""

from collections.abc import Callable
from decimal import Decimal
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo

from shared.domain.numbers import parse_number, parse_whole, shown
from shared.domain.refusals import ValueRefused

Choice = TypeVar("Choice", bound=str)

LONGEST_TEXT = 100


def amount(value: object) -> Decimal:
    """Read a number from 0 up."""
    number = parse_number(number_text(value))
    return _not_negative(number)


def whole(value: object) -> int:
    """Read a whole number from 0 up."""
    return _not_negative(parse_whole(number_text(value)))


def at_least_one(value: object) -> int:
    """Read a whole number from 1 up."""
    number = whole(value)
    if number == 0:
        message = "0 is less than 1"
        raise ValueRefused(message)
    return number


def flag(value: object) -> bool:
    """Read true or false, as JSON or as the word."""
    word = value.strip().lower() if isinstance(value, str) else value
    if word is True or word == "true":
        return True
    if word is False or word == "false":
        return False
    message = f"{shown(str(value))!r} is neither true nor false"
    raise ValueRefused(message)


def line(value: object) -> str:
    """Read a short text on one line."""
    stripped = value.strip() if isinstance(value, str) else ""
    if not stripped or not stripped.isprintable() or len(stripped) > LONGEST_TEXT:
        message = f"{shown(str(value))!r} is not one line of at most {LONGEST_TEXT} characters"
        raise ValueRefused(message)
    return stripped


def one_of(*choices: Choice) -> Callable[[object], Choice]:
    """Build a reader that takes one of the words, as they are spelled here."""

    def read_choice(value: object) -> Choice:
        word = value.strip() if isinstance(value, str) else value
        for choice in choices:
            if word == choice:
                return choice
        message = f"{shown(str(value))!r} is not one of {', '.join(choices)}"
        raise ValueRefused(message)

    return read_choice


def timezone_name(value: object) -> str:
    """Read the name of a time zone of the tz database."""
    name = line(value)
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # what zoneinfo raises for unknown names, odd ones, directories
        message = f"{shown(name)!r} is not a time zone such as America/New_York"
        raise ValueRefused(message) from error
    return name


def number_text(value: object) -> str:
    """Write a JSON number or a form's text as text; a float counts as it prints; raises ValueRefused."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        message = f"{shown(str(value))!r} is not a number"
        raise ValueRefused(message)
    return str(value)


Number = TypeVar("Number", int, Decimal)


def _not_negative(number: Number) -> Number:
    if number < 0:
        message = f"{shown(str(number))} is less than 0"
        raise ValueRefused(message)
    return number
