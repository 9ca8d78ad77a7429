"""How live prices stand, by source and by symbol, as facts that the heartbeat carries to whoever looks."""

from collections.abc import Collection, Iterable, Mapping

from services.price_feed.sources.followed_symbol import FollowedSymbol
from services.price_feed.sources.routes import Route
from services.price_feed.sources.venue_line import VenueLine


def describe_line(line: VenueLine, symbols: Iterable[FollowedSymbol]) -> dict[str, object]:
    """Describe one source: its state, its last trouble (and when, ns), and the longest delay of its prices."""
    delays = [symbol.delay_seconds for symbol in symbols]
    return {
        "source": line.venue.name,
        "state": line.state,
        "trouble": line.trouble,
        "trouble_at": line.trouble_at,
        "delay_seconds": None if None in delays else max((delay for delay in delays if delay is not None), default=0),
    }


def describe_symbols(
    wanted: Collection[str], routes: Mapping[str, Route], followed: Mapping[str, FollowedSymbol], now: int
) -> list[dict[str, object]]:
    """Describe each symbol that is wanted; one that no source has is `unserved`."""
    return [
        _symbol(followed[symbol], routes[symbol], now)
        if symbol in routes
        else {"symbol": symbol, "source": None, "state": "unserved"}
        for symbol in sorted(wanted)
    ]


def _symbol(symbol: FollowedSymbol, route: Route, now: int) -> dict[str, object]:
    return {
        "symbol": symbol.symbol,
        "source": route.line.venue.name,
        "name": route.name,
        "contract": symbol.dated_symbol,
        "state": _state(symbol, now),
        "delay_seconds": symbol.delay_seconds,
        "heard_at": symbol.heard_at,
        "refused": dict(symbol.prices.refused),
    }


def _state(symbol: FollowedSymbol, now: int) -> str:
    if not symbol.hours.is_open(now):
        return "closed"
    if symbol.is_stale:
        return "stale"
    if symbol.heard_at is None:
        return "waiting"
    return "blind" if symbol.is_blind else "live"
