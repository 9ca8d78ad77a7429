"""Variables of the environment, each read by the rule for its kind; which ones there are is not its business."""

import ipaddress
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

SHORTEST_SECRET = 32

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingsError(Exception):
    """A variable of the environment is missing or wrong; the message names it and says what to do."""


class Given:
    """The variables as they were given, each read by the rule for its kind."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, *, default: str = "") -> str:
        """Read any text; empty counts as absent."""
        return self._environ.get(name, "").strip() or default

    def required(self, name: str, advice: str) -> str:
        """Read a text that must be there."""
        value = self.text(name)
        if not value:
            message = f"{name} is not set: {advice}."
            raise SettingsError(message)
        return value

    def choice(self, name: str, allowed: tuple[str, ...], *, default: str) -> str:
        """Read one of several words, in any case."""
        value = self.text(name, default=default)
        for candidate in allowed:
            if candidate.casefold() == value.casefold():
                return candidate
        raise wrong(name, value, f"it must be one of {', '.join(allowed)}")

    def integer(self, name: str, *, default: int, least: int, most: int | None = None) -> int:
        """Read a whole number within bounds, both included."""
        value = self.text(name, default=str(default))
        bounds = f"a whole number from {least} to {most}" if most is not None else f"a whole number, at least {least}"
        # str.isdigit alone also takes digits of other scripts, and int() takes signs and underscores.
        if not (value.isascii() and value.isdigit()) or int(value) < least or (most is not None and int(value) > most):
            raise wrong(name, value, f"it must be {bounds}")
        return int(value)

    def url(self, name: str, schemes: tuple[str, ...]) -> str:
        """Read a server's address that must be there; it may hold a password and is never shown."""
        value = self.required(name, f"give the server's address, {schemes[0]}...")
        if not value.startswith(schemes):
            message = f"{name} must start with {' or '.join(schemes)}."  # no value here: it may hold a password
            raise SettingsError(message)
        return value

    def address(self, name: str, schemes: tuple[str, ...], *, default: str) -> str:
        """Read a public address that has a usual value."""
        value = self.text(name, default=default)
        if not value.startswith(schemes):
            raise wrong(name, value, f"it must start with {' or '.join(schemes)}")
        return value

    def words(self, name: str, *, default: str = "") -> tuple[str, ...]:
        """Read words that are parted by commas or spaces."""
        return tuple(self.text(name, default=default).replace(",", " ").split())

    def pairs(self, name: str) -> dict[str, str]:
        """Read `A=b,C=d`."""
        pairs = [word.partition("=") for word in self.words(name)]
        if not all(key and value for key, _, value in pairs):
            raise wrong(name, self.text(name), "it must list pairs like A=b,C=d")
        return {key: value for key, _, value in pairs}

    def percent(self, name: str, *, default: str) -> Decimal:
        """Read a percentage from 0 to 100."""
        value = self.text(name, default=default)
        number = _number(value)
        if number is None or not 0 <= number <= 100:  # noqa: PLR2004 - per cent
            raise wrong(name, value, "it must be a number from 0 to 100")
        return number

    def secret(self, name: str) -> str:
        """Read a long random text."""
        value = self.required(name, "give a long random text, for example from `openssl rand -hex 32`")
        if len(value) < SHORTEST_SECRET:
            message = f"{name} is too short: it needs at least {SHORTEST_SECRET} characters."
            raise SettingsError(message)
        return value

    def ticks_file(self, name: str, *, needed: bool) -> Path | None:
        """Read the path of a file."""
        value = self.required(name, "FEED=replay needs the CSV file of ticks to play") if needed else self.text(name)
        return Path(value) if value else None

    def speed(self, name: str) -> Decimal:
        """Read a number above 0."""
        value = self.text(name, default="1")
        speed = _number(value)
        if speed is None or speed <= 0:
            raise wrong(name, value, "it must be a number above 0 (1 is real time)")
        return speed

    def networks(self, name: str) -> tuple[Network, ...]:
        """Read addresses and networks, parted by commas or spaces."""
        return tuple(_network(name, item) for item in self.text(name).replace(",", " ").split())


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _network(name: str, text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise wrong(name, text, "it must list addresses or networks like 52.89.214.238 or 10.0.0.0/8") from error


def wrong(name: str, value: str, rule: str) -> SettingsError:
    """Say what a variable holds, and the rule that it breaks."""
    return SettingsError(f"{name} is {value!r}: {rule}.")
