"""Says whether ticks come in, and whether they are of now, in the words of the top bar."""

import time
from collections.abc import Collection, Mapping, Sequence

from services.web.backend import backend
from services.web.feed_status import FeedStatus, SymbolStatus, read_feed_status
from services.web.formatting import Cell, format_duration
from shared.bus.connection import CONNECTION_LOST
from shared.bus.tick_log import read_heads
from shared.domain.ticks import PriceTick
from shared.domain.timestamps import NS_PER_SECOND

STALE_AFTER_SECONDS = 10
SHOWN_LIVE_BELOW_SECONDS = 2
NO_TICK = "no tick yet"
OF_THEN = "drawdown, targets and stops are of then, not of now"


def feed_cell() -> Cell:
    """Describe the feed by the newest tick of any symbol, and by what the price feed says of itself."""
    try:
        heads = read_heads(backend().redis)
    except CONNECTION_LOST:
        return Cell(text="Feed unreachable", tone="stale")
    cell = describe_feed(heads.ticks, time.time_ns())
    status = read_feed_status()
    return cell if status is None else describe_live_feed(cell, status)


def describe_live_feed(cell: Cell, status: FeedStatus) -> Cell:
    """Say what the age of the newest tick does not tell: late prices, and markets that are closed."""
    delayed = status.delayed_symbols
    if delayed:
        return Cell(text=describe_delay(delayed), tone="stale", reason=OF_THEN)
    if status.is_closed:
        return Cell(text="Markets closed", reason="no symbol that is followed trades now")
    return cell


def describe_delay(delayed: Sequence[SymbolStatus]) -> str:
    """Say by how much prices are late, at worst."""
    seconds = [symbol.delay_seconds for symbol in delayed]
    known = [each for each in seconds if each is not None]
    if len(known) < len(seconds):
        return "Prices are delayed"
    return f"Prices delayed by {format_duration(max(known))}"


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
