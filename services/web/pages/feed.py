"""The price feed: where prices come from, and how each symbol stands."""

import time

from flask import render_template

from services.web.feed_state import age_seconds, describe_delay
from services.web.feed_status import FeedStatus, SourceStatus, SymbolStatus, read_feed_status
from services.web.formatting import NO_VALUE, format_duration
from services.web.pages.blueprint import pages
from shared.domain.timestamps import to_datetime

# What the states are called, with the look of their tag.
STATES = {
    "live": ("Live", "live"),
    "connecting": ("Connecting", "late"),
    "waiting": ("Waiting", "late"),
    "blind": ("Interrupted", "late"),
    "stale": ("Stale", "late"),
    "unserved": ("No source has it", "late"),
    "closed": ("Market closed", "idle"),
    "idle": ("Not needed", "idle"),
    "ended": ("Ended", "idle"),
    "interrupted": ("Interrupted", "late"),
}


@pages.get("/feed")
def feed() -> str:
    """Show sources and symbols as the price feed last described them."""
    status = read_feed_status()
    now = time.time_ns()
    if status is None:
        return render_template("feed.html", status=None, delay="", sources=[], symbols=[])
    return render_template(
        "feed.html",
        status=status,
        state=STATES.get(status.state, (status.state, "idle")),
        delay=_delay(status),
        sources=[_source(source) for source in status.sources],
        symbols=[_symbol(symbol, now) for symbol in status.symbols],
    )


def _delay(status: FeedStatus) -> str:
    delayed = status.delayed_symbols
    if not delayed:
        return ""
    return f"{describe_delay(delayed)} ({', '.join(symbol.symbol for symbol in delayed)}): drawdown is of then."


def _source(source: SourceStatus) -> dict[str, object]:
    return {
        "name": source.source,
        "state": STATES.get(source.state, (source.state, "idle")),
        "trouble": source.trouble,
        "trouble_at": None if source.trouble_at is None else to_datetime(source.trouble_at),
        "delay": _late_by(source.delay_seconds),
    }


def _symbol(symbol: SymbolStatus, now: int) -> dict[str, object]:
    return {
        "symbol": symbol.symbol,
        "source": symbol.source or NO_VALUE,
        "name": symbol.name or NO_VALUE,
        "contract": _contract(symbol),
        "state": STATES.get(symbol.state, (symbol.state, "idle")),
        "age": NO_VALUE if symbol.heard_at is None else _age(int(age_seconds(symbol.heard_at, now))),
        "delay": _late_by(symbol.delay_seconds),
        "refused": ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(symbol.refused.items())),
    }


def _age(seconds: int) -> str:
    return format_duration(seconds) if seconds else "a moment"


def _contract(symbol: SymbolStatus) -> str:
    """Say what a continuous symbol stands for; without that, a roll is a jump like any other."""
    if symbol.contract:
        return f"now {symbol.contract}"
    return "contract unknown: rolls are not marked" if symbol.source and symbol.symbol.endswith("!") else ""


def _late_by(seconds: int | None) -> str:
    if seconds is None:
        return "unknown"
    return format_duration(seconds) if seconds else "none"
