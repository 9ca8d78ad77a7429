"""What the price feed says of its sources and symbols, as it stood at its last sign of life."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from services.web.backend import backend
from shared.bus.connection import CONNECTION_LOST
from shared.bus.heartbeat import SILENT_AFTER_SECONDS, Beat, read_heartbeats

STANDBY = "standby"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """One venue; `delay_seconds` None: its prices are late, nobody knows by how much."""

    source: str
    state: str
    trouble: str | None = None
    trouble_at: int | None = None
    delay_seconds: int | None = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolStatus:
    """One symbol that is wanted; without a source, no venue has it."""

    symbol: str
    state: str
    source: str | None = None
    name: str | None = None
    contract: str | None = None
    delay_seconds: int | None = 0
    heard_at: int | None = None
    refused: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedStatus:
    """The instance that publishes; simulated and replayed feeds have neither sources nor symbols to tell of."""

    feed: str
    state: str
    messages: int
    sources: Sequence[SourceStatus]
    symbols: Sequence[SymbolStatus]

    @property
    def delayed_symbols(self) -> list[SymbolStatus]:
        """The symbols whose prices are not of now."""
        return [symbol for symbol in self.symbols if symbol.delay_seconds != 0]

    @property
    def is_closed(self) -> bool:
        """Whether all symbols' markets are closed."""
        return bool(self.symbols) and all(symbol.state == "closed" for symbol in self.symbols)


def read_feed_status() -> FeedStatus | None:
    """Read what the publishing price feed last said; None if none gave a sign of life lately, or Redis is away."""
    try:
        return feed_status(read_heartbeats(backend().redis))
    except CONNECTION_LOST:
        return None


def feed_status(beats: Iterable[Beat]) -> FeedStatus | None:
    """Pick the publishing price feed among signs of life."""
    for beat in beats:
        publishes = beat.service == "price_feed" and beat.facts.get("state", STANDBY) != STANDBY
        if publishes and beat.age_seconds <= SILENT_AFTER_SECONDS:
            return _status(beat.facts)
    return None


def _status(facts: Any) -> FeedStatus:
    return FeedStatus(
        feed=facts["source"],
        state=facts["state"],
        messages=facts["messages"],
        sources=[SourceStatus(**each) for each in facts.get("sources", ())],
        symbols=[SymbolStatus(**{"refused": {}, **each}) for each in facts.get("symbols", ())],
    )
