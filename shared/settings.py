"""What the environment says, read once and checked; nothing else in the project reads the environment."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

FEEDS = ("simulated", "replay")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
DATABASE_SCHEME = "postgresql+psycopg2://"
REDIS_SCHEMES = ("redis://", "rediss://")
SHORTEST_SECRET = 32
LARGEST_PORT = 65535

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingsError(Exception):
    """A variable of the environment is missing or wrong; the message names it and says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of every service. What is secret, or may hold a password, stays out of the repr."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    secret_key: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 8082
    log_level: str = "INFO"
    feed: str = "simulated"
    feed_ticks: Path | None = None
    feed_speed: Decimal = Decimal(1)
    tick_retention_seconds: int = 3600
    flush_interval_ms: int = 500
    flush_margin_ms: int = 250
    trust_proxy: int = 0  # how many proxies in front of the web service set X-Forwarded-For
    webhook_ip_allowlist: tuple[Network, ...] = ()  # empty: every address may post
    webhook_rate_limit: int = 300  # a minute and recorder


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings; a variable that is set but empty counts as absent. Raises SettingsError."""
    given = _Given(environ)
    feed = given.choice("FEED", FEEDS, default="simulated")
    return Settings(
        database_url=given.url("DATABASE_URL", (DATABASE_SCHEME,)),
        redis_url=given.url("REDIS_URL", REDIS_SCHEMES),
        secret_key=given.secret("SECRET_KEY"),
        host=given.text("HOST", default="127.0.0.1"),
        port=given.integer("PORT", default=8082, least=1, most=LARGEST_PORT),
        log_level=given.choice("LOG_LEVEL", LOG_LEVELS, default="INFO"),
        feed=feed,
        feed_ticks=given.ticks_file("FEED_TICKS", needed=feed == "replay"),
        feed_speed=given.speed("FEED_SPEED"),
        tick_retention_seconds=given.integer("TICK_RETENTION_SECONDS", default=3600, least=60),
        flush_interval_ms=given.integer("FLUSH_INTERVAL_MS", default=500, least=10, most=30_000),
        flush_margin_ms=given.integer("FLUSH_MARGIN_MS", default=250, least=0, most=30_000),
        trust_proxy=given.integer("TRUST_PROXY", default=0, least=0, most=10),
        webhook_ip_allowlist=given.networks("WEBHOOK_IP_ALLOWLIST"),
        webhook_rate_limit=given.integer("WEBHOOK_RATE_LIMIT", default=300, least=1),
    )


class _Given:
    """The variables as they were given, each read by the rule for its kind."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, *, default: str = "") -> str:
        return self._environ.get(name, "").strip() or default

    def required(self, name: str, advice: str) -> str:
        value = self.text(name)
        if not value:
            message = f"{name} is not set: {advice}."
            raise SettingsError(message)
        return value

    def choice(self, name: str, allowed: tuple[str, ...], *, default: str) -> str:
        value = self.text(name, default=default)
        for candidate in allowed:
            if candidate.casefold() == value.casefold():
                return candidate
        raise _wrong(name, value, f"it must be one of {', '.join(allowed)}")

    def integer(self, name: str, *, default: int, least: int, most: int | None = None) -> int:
        value = self.text(name, default=str(default))
        bounds = f"a whole number from {least} to {most}" if most is not None else f"a whole number, at least {least}"
        # str.isdigit alone also takes digits of other scripts, and int() takes signs and underscores.
        if not (value.isascii() and value.isdigit()) or int(value) < least or (most is not None and int(value) > most):
            raise _wrong(name, value, f"it must be {bounds}")
        return int(value)

    def url(self, name: str, schemes: tuple[str, ...]) -> str:
        value = self.required(name, f"give the server's address, {schemes[0]}...")
        if not value.startswith(schemes):
            message = f"{name} must start with {' or '.join(schemes)}."  # no value here: it may hold a password
            raise SettingsError(message)
        return value

    def secret(self, name: str) -> str:
        value = self.required(name, "give a long random text, for example from `openssl rand -hex 32`")
        if len(value) < SHORTEST_SECRET:
            message = f"{name} is too short: it needs at least {SHORTEST_SECRET} characters."
            raise SettingsError(message)
        return value

    def ticks_file(self, name: str, *, needed: bool) -> Path | None:
        value = self.required(name, "FEED=replay needs the CSV file of ticks to play") if needed else self.text(name)
        return Path(value) if value else None

    def speed(self, name: str) -> Decimal:
        value = self.text(name, default="1")
        try:
            speed = Decimal(value)
        except InvalidOperation:
            speed = Decimal(0)
        if not speed.is_finite() or speed <= 0:
            raise _wrong(name, value, "it must be a number above 0 (1 is real time)")
        return speed

    def networks(self, name: str) -> tuple[Network, ...]:
        return tuple(_network(name, item) for item in self.text(name).replace(",", " ").split())


def _network(name: str, text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise _wrong(name, text, "it must list addresses or networks like 52.89.214.238 or 10.0.0.0/8") from error


def _wrong(name: str, value: str, rule: str) -> SettingsError:
    return SettingsError(f"{name} is {value!r}: {rule}.")
