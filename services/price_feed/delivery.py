"""Brings a source's messages into the tick log, and marks what the log missed before them; it does not wait."""

import logging
from collections.abc import Sequence
from decimal import Decimal

from shared.bus.connection import RedisClient
from shared.bus.publisher import TickPublisher
from shared.bus.tick_log import last_entry_places
from shared.domain.places import SEQUENCE_BITS
from shared.domain.quotes import Gap, SourceMessage
from shared.logs import log_event

GAP_AFTER_MS = 2000
MS_PER_SECOND = 1000

logger = logging.getLogger(__name__)


class Delivery:
    """One batch on its way. After a start or a failure, the log's silence before a symbol's next message is a gap."""

    def __init__(self, client: RedisClient, publisher: TickPublisher) -> None:
        self._redis = client
        self._publisher = publisher
        self._waiting: Sequence[SourceMessage] = ()
        self._seamless: set[str] = set()

    @property
    def is_waiting(self) -> bool:
        """Whether a batch failed to arrive and has to be finished first."""
        return bool(self._waiting)

    def deliver(self, batch: Sequence[SourceMessage]) -> None:
        """Append a batch; if that raises, the batch waits for finish()."""
        self._waiting = batch
        self._append()
        self._seamless.update(message.symbol for message in batch)

    def finish(self) -> None:
        """Append the batch that failed, unless it had arrived after all."""
        # Nothing counts as seamless after it: if it had arrived, the silence since then is yet to be marked.
        self._append()

    def fail(self) -> None:
        """Remember that the flow was interrupted."""
        self._seamless.clear()

    def _append(self) -> None:
        messages = self._with_gaps(self._waiting)
        send = self._publisher.append_again if self._publisher.unanswered else self._publisher.append
        send(messages)
        self._waiting = ()

    def _with_gaps(self, batch: Sequence[SourceMessage]) -> list[SourceMessage]:
        symbols = {message.symbol: message for message in reversed(batch)}
        unsure = symbols.keys() - self._seamless
        if not unsure:
            return list(batch)
        silences = self._silences_ms(unsure)
        gaps = {s: _gap(symbols[s], silence) for s, silence in sorted(silences.items()) if silence >= GAP_AFTER_MS}
        # What the source itself knows it missed lies within the log's silence, or around it: one mark says both.
        said = {symbols[symbol] for symbol in gaps if isinstance(symbols[symbol], Gap)}
        return [*gaps.values(), *(message for message in batch if message not in said)]

    def _silences_ms(self, symbols: set[str]) -> dict[str, int]:
        """How long ago each symbol's last entry was appended; a log that is yet to begin says so itself."""
        _, places = last_entry_places(self._redis, symbols)
        seconds, microseconds = self._redis.time()
        now = seconds * MS_PER_SECOND + microseconds // MS_PER_SECOND
        return {symbol: now - (place >> SEQUENCE_BITS) for symbol, place in places.items() if place}


def _gap(first: SourceMessage, silence_ms: int) -> Gap:
    gap_seconds = Decimal(silence_ms) / MS_PER_SECOND
    if isinstance(first, Gap):
        gap_seconds = max(gap_seconds, first.gap_seconds)
    log_event(logger, "gap_marked", level=logging.WARNING, symbol=first.symbol, gap_seconds=gap_seconds)
    return Gap(symbol=first.symbol, occurred_at=first.occurred_at, gap_seconds=gap_seconds)
