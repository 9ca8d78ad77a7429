"""How a single setting reads from JSON or from a form; which settings there are is not known here."""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from shared.domain.numbers import parse_number, parse_whole, shown
from shared.domain.refusals import ValueRefused

Choice = TypeVar("Choice", bound=str)
Number = TypeVar("Number", int, Decimal)

LONGEST_TEXT = 100


def amount(value: object) -> Decimal:
    """Read a number from 0 up."""
    return _not_negative(parse_number(number_text(value)))


def whole(value: object) -> int:
    """Read a whole number from 0 up."""
    return _not_negative(parse_whole(number_text(value)))


def at_least_one(value: object) -> int:
    """Read a whole number from 1 up."""
    number = whole(value)
    if number == 0:
        raise ValueRefused("0 is less than 1")
    return number


def flag(value: object) -> bool:
    """Read true or false, as JSON or as the word."""
    word = value.strip().lower() if isinstance(value, str) else value
    if word is True or word == "true":
        return True
    if word is False or word == "false":
        return False
    raise ValueRefused(f"{shown(str(value))!r} is neither true nor false")


def line(value: object) -> str:
    """Read a short text on one line."""
    stripped = value.strip() if isinstance(value, str) else ""
    if not stripped or not stripped.isprintable() or len(stripped) > LONGEST_TEXT:
        raise ValueRefused(f"{shown(str(value))!r} is not one line of at most {LONGEST_TEXT} characters")
    return stripped


Amount = Annotated[Decimal, amount]
Whole = Annotated[int, whole]
Flag = Annotated[bool, flag]


def one_of(*choices: Choice) -> Callable[[object], Choice]:
    """Build a reader that takes one of the words, as they are spelled here."""

    def read_choice(value: object) -> Choice:
        word = value.strip() if isinstance(value, str) else value
        for choice in choices:
            if word == choice:
                return choice
        raise ValueRefused(f"{shown(str(value))!r} is not one of {', '.join(choices)}")

    return read_choice


def timezone_name(value: object) -> str:
    """Read the name of a time zone of the tz database."""
    name = line(value)
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # what zoneinfo raises for unknown names, odd ones, directories
        raise ValueRefused(f"{shown(name)!r} is not a time zone such as America/New_York") from error
    return name


def number_text(value: object) -> str:
    """Write a JSON number or a form's text as text; a float counts as it prints; raises ValueRefused."""
    if not isinstance(value, int | float | Decimal | str):  # True goes on as a text that is no number
        raise ValueRefused(f"{shown(str(value))!r} is not a number")
    return str(value)


def _not_negative(number: Number) -> Number:
    if number < 0:
        raise ValueRefused(f"{shown(str(number))} is less than 0")
    return number
