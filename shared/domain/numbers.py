"""Numbers as people and programs write them, read exactly; floats never appear."""

import re
from decimal import Decimal

from shared.domain.refusals import ValueRefused

# Twelve digits on either side hold every price and amount there is, and keep exact arithmetic small.
MAX_INTEGER_DIGITS = 12
MAX_DECIMALS = 12
MAX_WHOLE = 999_999_999
SHOWN_CHARACTERS = 60

PLACEHOLDER = re.compile(r"\{\{.*?\}\}", re.DOTALL)
PLAIN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
WITH_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")


def parse_number(text: str) -> Decimal:
    """Read `2`, `2.0`, `1e3` or `21,500.25` exactly; raises ValueRefused."""
    refuse_placeholder(text)
    stripped = text.strip()
    if not (PLAIN.fullmatch(stripped) or WITH_THOUSANDS.fullmatch(stripped)):
        raise ValueRefused(f"{shown(text)!r} is not a number")
    digits = plain(Decimal(stripped.replace(",", "")))
    integer, _, decimals = digits.lstrip("-").partition(".")
    if len(integer) > MAX_INTEGER_DIGITS or len(decimals) > MAX_DECIMALS:
        raise ValueRefused(f"{shown(stripped)} has more than {MAX_INTEGER_DIGITS} digits or {MAX_DECIMALS} decimals")
    return Decimal(digits)


def parse_positive(text: str) -> Decimal:
    """Read a number above zero; raises ValueRefused."""
    value = parse_number(text)
    if value <= 0:
        raise ValueRefused(f"{shown(text.strip())} is not more than 0")
    return value


def parse_whole(text: str) -> int:
    """Read a whole number of either sign, `2.0` included; raises ValueRefused."""
    value = parse_number(text)
    if value != value.to_integral_value():
        raise ValueRefused(f"{shown(text.strip())} is not whole")
    if abs(value) > MAX_WHOLE:
        raise ValueRefused(f"{shown(text.strip())} is beyond {MAX_WHOLE}")
    return int(value)


def plain(value: Decimal) -> str:
    """Write a number without exponent and without trailing zeros; zero has no sign."""
    digits = format(value, "f")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    sign = "-" if digits.startswith("-") else ""
    digits = digits.lstrip("-").lstrip("0") or "0"
    if digits.startswith("."):
        digits = f"0{digits}"
    return digits if digits == "0" else f"{sign}{digits}"


def refuse_placeholder(text: str) -> None:
    """Raise ValueRefused when an alert's `{{placeholder}}` was sent unfilled."""
    found = PLACEHOLDER.search(text)
    if found:
        raise ValueRefused(f"unresolved placeholder {shown(found.group())}")


def shown(text: str) -> str:
    """Cut a value to the length at which a reason stays readable."""
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 3]}..."
