"""Says whether ticks come in, in the words of the top bar."""

import time
from collections.abc import Collection, Mapping

from services.web.backend import backend
from services.web.formatting import Cell, format_duration
from shared.bus.connection import CONNECTION_LOST
from shared.bus.tick_log import read_heads
from shared.domain.ticks import PriceTick

NS_PER_SECOND = 1_000_000_000
STALE_AFTER_SECONDS = 10
SHOWN_LIVE_BELOW_SECONDS = 2
NO_TICK = "no tick yet"


def feed_cell() -> Cell:
    """Describe the feed by the newest tick of any symbol."""
    try:
        heads = read_heads(backend().redis)
    except CONNECTION_LOST:
        return Cell(text="Feed unreachable", tone="stale")
    return describe_feed(heads.ticks, time.time_ns())


def last_ticks(symbols: Collection[str]) -> Mapping[str, PriceTick]:
    """Read the last tick of each symbol that has one; none while Redis is away."""
    try:
        return read_heads(backend().redis, symbols).ticks
    except CONNECTION_LOST:
        return {}


def describe_feed(ticks: Mapping[str, PriceTick], now_ns: int) -> Cell:
    """Describe the feed by the age of its newest tick."""
    if not ticks:
        return Cell(text="No tick yet", tone="stale")
    age = age_seconds(max(each.occurred_at for each in ticks.values()), now_ns)
    if age > STALE_AFTER_SECONDS:
        return Cell(text=f"Feed quiet, last tick {format_duration(int(age))} ago", tone="stale")
    shown = f"{int(age)} s" if age >= SHOWN_LIVE_BELOW_SECONDS else "a moment"
    return Cell(text=f"Feed live, last tick {shown} ago", tone="live")


def describe_age(tick: PriceTick | None, now_ns: int) -> str:
    """Say how old a symbol's last tick is once it is stale; empty before."""
    if tick is None:
        return NO_TICK
    age = age_seconds(tick.occurred_at, now_ns)
    return f"last tick {format_duration(int(age))} ago" if age > STALE_AFTER_SECONDS else ""


def age_seconds(occurred_at: int, now_ns: int) -> float:
    """How long ago a moment was; one ahead of our clock is now."""
    return max(0, now_ns - occurred_at) / NS_PER_SECOND
