"""The source of live prices: several venues' messages, as quotes, gap marks and rolls of the symbols that are wanted.

Each symbol is served by the first venue that has it. Sockets and their threads are the business of VenueLine.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

from services.price_feed.sources.followed_symbol import FollowedSymbol
from services.price_feed.sources.subscriptions import FeedRules, Served, Subscriptions
from services.price_feed.sources.venue import Trouble, Venue
from services.price_feed.sources.venue_line import Inbox, Lost, Told, VenueLine
from services.price_feed.sources.venue_status import describe_line, describe_symbols
from services.price_feed.sources.watchdog import Watchdog
from shared.bus.tick_log import Heads
from shared.domain.contracts import Contract
from shared.domain.quotes import Gap, Roll, SourceMessage
from shared.domain.timestamps import NS_PER_SECOND

MOST_AT_ONCE = 500
LOOK_EVERY_SECONDS = 0.5

Wanted = Callable[[], Mapping[str, Contract]]


class VenueSource:
    """Live prices without end; nothing is connected before it is first asked for prices."""

    ended = False

    def __init__(
        self,
        venues: Sequence[Venue],
        wanted: Wanted,
        *,
        heads: Heads | None = None,
        rules: FeedRules | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._inbox: Inbox = SimpleQueue()
        self._lines = [VenueLine(venue, self._inbox) for venue in venues]
        self._wanted = wanted
        rules = rules or FeedRules()
        self._subscriptions = Subscriptions(self._lines, rules, heads or Heads(place=0))
        self._watchdog = Watchdog(rules.patience)
        self._now_ns = now_ns
        self._look_at = 0.0

    def next_batch(self, timeout: float) -> list[SourceMessage]:
        """Take what came in, or wait for it at most `timeout` seconds."""
        batch: list[SourceMessage] = []
        if time.monotonic() >= self._look_at:
            batch += self._look()
        with suppress(Empty):
            self._take(self._inbox.get(timeout=timeout), batch)
            while len(batch) < MOST_AT_ONCE:
                self._take(self._inbox.get_nowait(), batch)
        return batch

    def resume(self) -> None:
        """Drop what came while nobody could take it: a price counts from when it is in the log, and that is too late.

        It becomes a gap.
        """
        dropped: list[SourceMessage] = []
        with suppress(Empty):
            while True:
                self._take(self._inbox.get_nowait(), dropped)
        for message in dropped:
            symbol = self._subscriptions.symbols[message.symbol]
            symbol.lose_sight(_begin(message))
            if isinstance(message, Roll):
                symbol.take_back(message)

    def status(self) -> dict[str, object]:
        """Describe each source and each symbol that is wanted."""
        ours = self._subscriptions
        return {
            "sources": [describe_line(line, _all(names, names)) for line, names in ours.served.items()],
            "symbols": describe_symbols(self._wanted(), ours.routes, ours.symbols, self._now_ns()),
        }

    def close(self) -> None:
        """Hang up everywhere."""
        for line in self._lines:
            line.stop()

    def _look(self) -> list[SourceMessage]:
        """Follow what is wanted now; returns the rolls that are found without another price."""
        self._look_at = time.monotonic() + LOOK_EVERY_SECONDS
        now = self._now_ns()
        rolls = self._subscriptions.renew(self._wanted(), now)
        for line, names in self._subscriptions.served.items():
            self._watchdog.look(line, _all(names, names), now)
        return rolls

    def _take(self, event: Told | Lost, batch: list[SourceMessage]) -> None:
        if isinstance(event, Lost):
            self._subscriptions.lose(event.line, event.last_received_at)
            return
        served, compared = self._subscriptions.served[event.line], self._subscriptions.compared[event.line]
        heard, received_at = event.heard, event.received_at
        if heard.missed:
            for symbol in _all(served, heard.missed):
                symbol.miss()
        for quote in heard.quotes:
            for symbol in served.get(quote.name, ()):
                batch.extend(symbol.take(quote, received_at))
            for watch in compared.get(quote.name, ()):
                batch.extend(self._subscriptions.hear(watch, quote, received_at))
        if heard.alive:
            for symbol in _all(served, heard.alive):
                batch.extend(symbol.notice(received_at))
        for trouble in heard.troubles:
            self._mind(event.line, trouble)

    def _mind(self, line: VenueLine, trouble: Trouble) -> None:
        if trouble.name is None:
            return
        if trouble.kind == "unknown_symbol":
            self._subscriptions.choice.avoid(line, trouble.name, self._now_ns())
            self._look_at = 0.0
        elif trouble.kind == "delayed":
            self._subscriptions.note_delay(line, trouble.name, trouble.delay_seconds)


def _all(names: Served, some: Collection[str]) -> Iterable[FollowedSymbol]:
    return (symbol for name in some for symbol in names.get(name, ()))


def _begin(message: SourceMessage) -> int:
    """The moment from which on a message that is dropped leaves a hole."""
    if isinstance(message, Gap):
        return message.occurred_at - int(message.gap_seconds * NS_PER_SECOND)
    return message.occurred_at
