"""What the environment says, read once and checked; nothing else in the project reads the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from shared.environment import Given, Network, SettingsError, wrong
from shared.venue_settings import VenueSettings, read_venue_settings

__all__ = ["Settings", "SettingsError", "load_settings"]

PREPARED_FEEDS = ("simulated", "replay")
LIVE_FEEDS = ("tradingview", "tradovate", "coinbase", "kraken")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
DATABASE_SCHEME = "postgresql+psycopg2://"
REDIS_SCHEMES = ("redis://", "rediss://")
LARGEST_PORT = 65535
STALE_AFTER_SECONDS = "60"


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
    feed_symbols: tuple[str, ...] = ()  # followed whether or not anybody needs them
    feed_jump_percent: Decimal = Decimal(5)  # a price further away than that has to be confirmed; 0: none has to
    feed_stale_seconds: int = 60
    feed_stale_seconds_of: Mapping[str, int] = field(default_factory=dict)  # symbols with a patience of their own
    feed_front_months: Mapping[str, str] = field(default_factory=dict)  # by root, instead of the roll rule's
    venues: VenueSettings = field(default_factory=VenueSettings)
    tick_retention_seconds: int = 3600
    flush_interval_ms: int = 500
    flush_margin_ms: int = 250
    trust_proxy: int = 0  # how many proxies in front of the web service set X-Forwarded-For
    webhook_ip_allowlist: tuple[Network, ...] = ()  # empty: every address may post
    webhook_rate_limit: int = 300  # a minute and recorder

    @property
    def live_feeds(self) -> tuple[str, ...]:
        """The venues that prices come from, in their order; none if the feed is simulated or replayed."""
        return () if self.feed in PREPARED_FEEDS else tuple(self.feed.split(","))


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings; a variable that is set but empty counts as absent. Raises SettingsError."""
    given = Given(environ)
    feed = _feed(given)
    stale_seconds, stale_seconds_of = _stale_seconds(given)
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
        feed_symbols=given.words("FEED_SYMBOLS"),
        feed_jump_percent=given.percent("FEED_JUMP_PERCENT", default="5"),
        feed_stale_seconds=stale_seconds,
        feed_stale_seconds_of=stale_seconds_of,
        feed_front_months=given.pairs("FEED_FRONT_MONTHS"),
        venues=read_venue_settings(given),
        tick_retention_seconds=given.integer("TICK_RETENTION_SECONDS", default=3600, least=60),
        flush_interval_ms=given.integer("FLUSH_INTERVAL_MS", default=500, least=10, most=30_000),
        flush_margin_ms=given.integer("FLUSH_MARGIN_MS", default=250, least=0, most=30_000),
        trust_proxy=given.integer("TRUST_PROXY", default=0, least=0, most=10),
        webhook_ip_allowlist=given.networks("WEBHOOK_IP_ALLOWLIST"),
        webhook_rate_limit=given.integer("WEBHOOK_RATE_LIMIT", default=300, least=1),
    )


def _feed(given: Given) -> str:
    """One prepared feed, or the names of live ones, parted by commas."""
    names = tuple(name.lower() for name in given.words("FEED", default="simulated"))
    if names[0] in PREPARED_FEEDS and len(names) == 1:
        return names[0]
    if len(set(names)) < len(names) or not set(names) <= set(LIVE_FEEDS):
        rule = f"it must be {', '.join(PREPARED_FEEDS)}, or one or more of {', '.join(LIVE_FEEDS)}, parted by commas"
        raise wrong("FEED", given.text("FEED"), rule)
    return ",".join(names)


def _stale_seconds(given: Given) -> tuple[int, dict[str, int]]:
    """`60`, or with patience for single symbols `60,MGC1!=300`."""
    general, _, rest = given.text("FEED_STALE_SECONDS", default=STALE_AFTER_SECONDS).partition(",")
    of_symbols = dict(word.partition("=")[::2] for word in rest.replace(",", " ").split())
    if not all(text.isascii() and text.isdigit() and int(text) for text in (general, *of_symbols.values())):
        rule = "it must be a number of seconds, and may go on like 60,MGC1!=300"
        raise wrong("FEED_STALE_SECONDS", given.text("FEED_STALE_SECONDS"), rule)
    return int(general), {symbol.upper(): int(text) for symbol, text in of_symbols.items()}
