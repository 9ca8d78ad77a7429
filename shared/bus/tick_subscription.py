"""Follows the tick log of some symbols live: pub/sub is the doorbell, the streams decide what is there."""

import logging
import time
from collections.abc import Mapping
from typing import Self

from shared.bus.backoff import Backoff
from shared.bus.channels import MESSAGE, MOST_AT_ONCE, SUBSCRIBED, Channels
from shared.bus.connection import CONNECTION_LOST, connect_redis
from shared.bus.tick_log import last_entry_places, mark_lost, read_message, read_page, stream_of, trimmed_through
from shared.domain.places import BEFORE_EVERYTHING
from shared.domain.ticks import LogEntry
from shared.logs import log_event

COMPARE_EVERY_SECONDS = 1.0
POSTPONED_SECONDS = 4.0  # while messages wait, the streams would only say beforehand what these will
MOST_FROM_STREAM = 5000

logger = logging.getLogger(__name__)


class TickSubscription:
    """Every entry of each symbol after a place, once, in the symbol's order; for use by one thread.

    A message that does not follow the entry before it sends us to the stream. A lost last message has no successor,
    so the ends of the streams are also compared once a second and whenever a channel has been subscribed to.
    Entries of different symbols are not ordered among each other. Those that came by message have no bid, ask, size.
    """

    def __init__(self, redis_url: str, symbols: Mapping[str, int]) -> None:
        """Follow each symbol from the place it is given with; nothing is connected yet."""
        self._redis = connect_redis(redis_url, retries=False)
        self._doorbell: Channels | None = None
        self._after = dict(symbols)
        self._compare_at = 0.0
        self._backoff = Backoff()
        self.complete_through = BEFORE_EVERYTHING
        self.more_wait = False

    def __enter__(self) -> Self:
        """Use it in a with statement: it closes itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._hang_up()
        self._redis.close()

    def set_symbols(self, symbols: Mapping[str, int]) -> None:
        """Follow exactly these; one that is followed already goes on from where it is, whatever its place here."""
        gone, new = self._after.keys() - symbols.keys(), symbols.keys() - self._after.keys()
        self._after = {symbol: self._after.get(symbol, after) for symbol, after in symbols.items()}
        self.complete_through = BEFORE_EVERYTHING if new else self.complete_through
        if self._doorbell is None:
            return
        try:
            if gone:
                self._doorbell.unsubscribe(map(stream_of, gone))
            if new:
                self._doorbell.subscribe(map(stream_of, new))
        except CONNECTION_LOST as error:
            self._lose_connection(error)

    def next_batch(self, timeout: float) -> list[LogEntry]:
        """Take everything that is there, or wait for it at most `timeout` seconds; empty if nothing came.

        When it returns, the batches so far hold every entry of these symbols up to the place `complete_through`.
        `more_wait` says whether it left messages that are there already, because there were so many.
        """
        batch: list[LogEntry] = []
        self.more_wait = False
        if self._backoff.holds():
            self._backoff.sleep(timeout)
            return batch
        if not self._after:
            time.sleep(timeout)
            return batch
        try:
            self._doorbell = self._doorbell or Channels(self._redis, map(stream_of, self._after))
            self.more_wait = self._take_messages(self._doorbell, batch, timeout)
            if time.monotonic() >= self._compare_at + (POSTPONED_SECONDS if self.more_wait else 0):
                self._compare(batch)
            self._backoff.reset()
        except CONNECTION_LOST as error:
            self._lose_connection(error)
        return batch

    def _take_messages(self, doorbell: Channels, batch: list[LogEntry], timeout: float) -> bool:
        """Take as many as are read at once; whether that was so many that more may wait."""
        until_compare = max(0.0, self._compare_at - time.monotonic())
        count = 0
        for count, (kind, channel, data) in enumerate(doorbell.read(min(timeout, until_compare)), start=1):  # noqa: B007
            if kind == MESSAGE:
                self._take_message(channel.removeprefix("ticks:"), data, batch)
            elif kind == SUBSCRIBED:  # what was appended until now rang no bell for us
                self._compare_at = 0.0
        return count >= MOST_AT_ONCE

    def _take_message(self, symbol: str, data: str, batch: list[LogEntry]) -> None:
        after = self._after.get(symbol)
        if after is None:  # from before we unsubscribed
            return
        previous, entry = read_message(symbol, data)
        if entry.place <= after:
            return
        if previous > after:
            log_event(logger, "tick_log_hole", level=logging.WARNING, symbol=symbol, after=after, place=entry.place)
            self._read_stream(symbol, batch, through=entry.place)
            return
        batch.append(entry)
        self._after[symbol] = entry.place

    def _read_stream(self, symbol: str, batch: list[LogEntry], *, through: int) -> bool:
        """Read on from the stream, what retention removed from it as a gap mark; whether it reached `through`."""
        after = self._after[symbol]
        entries = read_page(self._redis, symbol, after=after, through=through, count=MOST_FROM_STREAM)
        lost_through = trimmed_through(self._redis, symbol)  # asked after reading, so that no trim slips by
        if lost_through > after:
            batch.append(mark_lost(symbol, after=after, through=lost_through))
        batch += [entry for entry in entries if entry.place > lost_through]
        whole = len(entries) < MOST_FROM_STREAM
        self._after[symbol] = max(lost_through, after, through if whole else entries[-1].place)
        self._compare_at = self._compare_at if whole else 0.0
        return whole

    def _compare(self, batch: list[LogEntry]) -> None:
        self._compare_at = time.monotonic() + COMPARE_EVERY_SECONDS
        place, last = last_entry_places(self._redis, self._after)
        behind = [symbol for symbol, entry_place in last.items() if entry_place > self._after[symbol]]
        whole = [self._read_stream(symbol, batch, through=last[symbol]) for symbol in behind]
        if all(whole):
            self.complete_through = place

    def _lose_connection(self, error: Exception) -> None:
        self._hang_up()
        self._backoff.failed()
        log_event(logger, "tick_subscription_lost", level=logging.WARNING, reason=str(error))

    def _hang_up(self) -> None:
        if self._doorbell is not None:
            self._doorbell.close()
            self._doorbell = None
