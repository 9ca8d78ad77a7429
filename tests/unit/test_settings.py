"""The environment is read strictly, and a wrong variable is named."""

from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path

import pytest

from shared.settings import SettingsError, load_settings

SMALLEST = {
    "DATABASE_URL": "postgresql+psycopg2://recorder:hush@db/recorder",
    "REDIS_URL": "redis://:hush@redis:6379/0",
    "SECRET_KEY": "0123456789abcdef0123456789abcdef",
}


def test_three_variables_are_enough() -> None:
    settings = load_settings(SMALLEST)

    assert settings.database_url == SMALLEST["DATABASE_URL"]
    assert settings.redis_url == SMALLEST["REDIS_URL"]
    assert settings.secret_key == SMALLEST["SECRET_KEY"]
    assert (settings.host, settings.port, settings.log_level, settings.feed) == ("127.0.0.1", 8082, "INFO", "simulated")
    assert (settings.feed_ticks, settings.feed_speed, settings.tick_retention_seconds) == (None, Decimal(1), 3600)
    assert (settings.flush_interval_ms, settings.flush_margin_ms, settings.webhook_rate_limit) == (500, 250, 300)
    assert (settings.trust_proxy, settings.webhook_ip_allowlist) == (0, ())


def test_every_variable_is_read() -> None:
    settings = load_settings(
        SMALLEST
        | {
            "HOST": "0.0.0.0",
            "PORT": "9000",
            "LOG_LEVEL": "debug",
            "FEED": "Replay",
            "FEED_TICKS": "day.csv",
            "FEED_SPEED": "2.5",
            "FEED_SYMBOLS": "MNQ1!, BTCUSD",
            "FEED_JUMP_PERCENT": "2.5",
            "FEED_STALE_SECONDS": "30, mgc1!=300",
            "FEED_FRONT_MONTHS": "MNQ=MNQZ2026,ES=ESZ2026",
            "TRADINGVIEW_URL": "ws://localhost:1",
            "TRADOVATE_USERNAME": "trader",
            "TICK_RETENTION_SECONDS": "600",
            "FLUSH_INTERVAL_MS": "100",
            "FLUSH_MARGIN_MS": "0",
            "TRUST_PROXY": "1",
            "WEBHOOK_IP_ALLOWLIST": "52.89.214.238, 10.0.0.0/8,::1",
            "WEBHOOK_RATE_LIMIT": "60",
        },
    )

    assert (settings.host, settings.port, settings.log_level, settings.feed) == ("0.0.0.0", 9000, "DEBUG", "replay")
    assert (settings.feed_ticks, settings.feed_speed) == (Path("day.csv"), Decimal("2.5"))
    assert (settings.tick_retention_seconds, settings.flush_interval_ms, settings.flush_margin_ms) == (600, 100, 0)
    assert (settings.feed_symbols, settings.feed_jump_percent) == (("MNQ1!", "BTCUSD"), Decimal("2.5"))
    assert (settings.feed_stale_seconds, settings.feed_stale_seconds_of) == (30, {"MGC1!": 300})
    assert settings.feed_front_months == {"MNQ": "MNQZ2026", "ES": "ESZ2026"}
    assert (settings.venues.tradingview_url, settings.venues.tradovate_username) == ("ws://localhost:1", "trader")
    assert (settings.trust_proxy, settings.webhook_rate_limit) == (1, 60)
    assert settings.webhook_ip_allowlist == (ip_network("52.89.214.238"), ip_network("10.0.0.0/8"), ip_network("::1"))


@pytest.mark.parametrize("name", sorted(SMALLEST))
@pytest.mark.parametrize("empty", [None, "", "  "])
def test_a_missing_or_empty_variable_is_named(name: str, empty: str | None) -> None:
    environ = {key: value for key, value in SMALLEST.items() if key != name}
    if empty is not None:
        environ[name] = empty

    with pytest.raises(SettingsError, match=f"^{name} is not set: .+\\.$"):
        load_settings(environ)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "80a"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "\u0661"),
        ("PORT", "8_082"),
        ("LOG_LEVEL", "LOUD"),
        ("FEED", "tea leaves"),
        ("FEED", "simulated,coinbase"),
        ("FEED", "coinbase,coinbase"),
        ("FEED_JUMP_PERCENT", "-1"),
        ("FEED_STALE_SECONDS", "soon"),
        ("FEED_STALE_SECONDS", "60,MGC1!=0"),
        ("FEED_FRONT_MONTHS", "MNQ"),
        ("COINBASE_URL", "https://example.com"),
        ("FEED_SPEED", "0"),
        ("FEED_SPEED", "NaN"),
        ("FEED_SPEED", "fast"),
        ("FEED_SPEED", "Infinity"),
        ("TICK_RETENTION_SECONDS", "59"),
        ("FLUSH_INTERVAL_MS", "-1"),
        ("FLUSH_MARGIN_MS", "0.5"),
        ("TRUST_PROXY", "yes"),
        ("WEBHOOK_IP_ALLOWLIST", "10.0.0.1/8"),
        ("WEBHOOK_IP_ALLOWLIST", "tradingview.com"),
        ("WEBHOOK_RATE_LIMIT", "0"),
    ],
)
def test_a_wrong_variable_is_named_with_its_value_and_the_rule(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(SMALLEST | {name: value})

    assert str(caught.value).startswith(f"{name} is {value!r}: it must ")
    assert "\n" not in str(caught.value)


def test_several_live_feeds_keep_their_order() -> None:
    settings = load_settings(SMALLEST | {"FEED": " Coinbase, kraken"})

    assert (settings.feed, settings.live_feeds) == ("coinbase,kraken", ("coinbase", "kraken"))
    assert load_settings(SMALLEST).live_feeds == ()


def test_a_replayed_feed_needs_its_file() -> None:
    with pytest.raises(SettingsError, match=r"^FEED_TICKS is not set: FEED=replay needs"):
        load_settings(SMALLEST | {"FEED": "replay"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("DATABASE_URL", "postgres://u:hush@db/x"), ("REDIS_URL", "http://:hush@redis"), ("SECRET_KEY", "hush")],
)
def test_a_refused_secret_is_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} ") as caught:
        load_settings(SMALLEST | {name: value})

    assert "hush" not in str(caught.value)


def test_secrets_stay_out_of_the_repr() -> None:
    names = ("TRADINGVIEW_SESSION", "TRADOVATE_PASSWORD", "TRADOVATE_SECRET", "TRADOVATE_ACCESS_TOKEN")
    shown = repr(load_settings(SMALLEST | dict.fromkeys(names, "hush")))

    assert "hush" not in shown
    assert SMALLEST["SECRET_KEY"] not in shown
