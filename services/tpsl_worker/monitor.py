"""Follows the ticks of the symbols in which positions are open: exits at once, extremes in batches."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from services.tpsl_worker.book import SymbolBook
from shared.bus.announcements import PositionAnnouncements
from shared.bus.connection import RedisClient
from shared.bus.tick_subscription import TickSubscription
from shared.catch_up import catch_up
from shared.store.database import Engine
from shared.store.flush import flush_positions
from shared.store.positions import StoredPosition, load_positions, open_position_versions

LONGEST_WAIT_SECONDS = 0.05
RECONCILE_EVERY_SECONDS = 5.0
FORGET_EVERY_SECONDS = 10.0
CHANGED_A_FLUSH = 250
RECORDERS_A_TRANSACTION = 200
LOADED_AT_ONCE = 2000

Item = TypeVar("Item")


class Monitor:
    """All open positions by symbol, and the ticks and announcements that concern them; used by one thread."""

    def __init__(
        self,
        engine: Engine,
        log: RedisClient,
        redis_url: str,
        *,
        flush_interval_seconds: float,
        flush_margin_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._log = log
        self._ticks = TickSubscription(redis_url, {})
        self._announcements = PositionAnnouncements(redis_url)
        self._flush_interval = flush_interval_seconds
        self._flush_margin = flush_margin_seconds
        self._clock = clock
        self._books: dict[str, SymbolBook] = {}
        self._symbol_of: dict[int, str] = {}
        self._reconcile_at = self._flush_at = self._forget_at = 0.0

    @property
    def symbols(self) -> int:
        """How many symbols are followed."""
        return len(self._books)

    @property
    def positions(self) -> int:
        """How many positions are open."""
        return len(self._symbol_of)

    def turn(self) -> None:
        """Go once round: learn of positions, take ticks, exit, flush; waits a moment where nothing happens."""
        self._learn()
        for entry in self._ticks.next_batch(LONGEST_WAIT_SECONDS):
            if entry.symbol in self._books:  # its book may be empty, and still has to know every tick
                self._books[entry.symbol].push(entry, self._clock())
        self._exit_due()
        if self._clock() >= self._flush_at:
            self._flush()

    def close(self) -> None:
        """Give the connections back that it made."""
        self._ticks.close()
        self._announcements.close()

    def reconcile(self) -> None:
        """Compare with the database what is held: it alone knows which positions are open."""
        with self._engine.connect() as connection:
            versions = open_position_versions(connection)
        held = {position_id: version for book in self._books.values() for position_id, version in book.versions.items()}
        self._drop(held.keys() - versions.keys())
        self._load([position_id for position_id, version in versions.items() if held.get(position_id) != version])

    def _learn(self) -> None:
        changed = {change.position_id for change in self._announcements.next_batch(0)}
        if changed:
            self._load(sorted(changed))
        if self._clock() >= self._reconcile_at:
            self.reconcile()
            self._reconcile_at = self._clock() + RECONCILE_EVERY_SECONDS

    def _load(self, position_ids: Sequence[int]) -> None:
        for part in _parts(position_ids, LOADED_AT_ONCE):
            with self._engine.connect() as connection:
                stored = load_positions(connection, part)
            self._drop(set(part) - {each.id for each in stored})
            self._hold(stored)

    def _hold(self, stored: Iterable[StoredPosition]) -> None:
        by_symbol: dict[str, list[StoredPosition]] = {}
        for each in stored:
            by_symbol.setdefault(each.position.symbol, []).append(each)
        new = by_symbol.keys() - self._books.keys()
        for symbol in new:
            self._books[symbol] = SymbolBook(start=min(each.position.place for each in by_symbol[symbol]))
        if new:
            self._ticks.set_symbols({symbol: book.start for symbol, book in self._books.items()})
        for symbol, positions in by_symbol.items():
            for each in positions:
                self._symbol_of[each.id] = symbol
                self._books[symbol].hold(each, self._clock())

    def _drop(self, position_ids: Iterable[int]) -> None:
        for position_id in position_ids:
            symbol = self._symbol_of.pop(position_id, None)
            if symbol is not None:
                self._books[symbol].drop(position_id)

    def _exit_due(self) -> None:
        """Let the fold decide about every position whose level a tick reached; who is busy stays due."""
        for symbol, book in self._books.items():
            due = sorted(book.due)
            for part in _parts(due, RECORDERS_A_TRANSACTION):
                through = max(book.due[position_id] for position_id in part)
                recorder_ids = {book.recorder_of(position_id) for position_id in part}
                catch_up(self._engine, self._log, recorder_ids, through={symbol: through}, wait=False)
                self._load(part)

    def _flush(self) -> None:
        now = self._clock()
        self._flush_at = now + self._flush_interval
        for book in self._books.values():
            book.settle(now - self._flush_margin)
            counted = book.count_settled(CHANGED_A_FLUSH, now)
            if counted:
                with self._engine.begin() as connection:
                    written = flush_positions(connection, counted)
                book.note_written(written, now)
        if now >= self._forget_at:
            self._forget_at = now + FORGET_EVERY_SECONDS
            self._forget()

    def _forget(self) -> None:
        for symbol in [symbol for symbol, book in self._books.items() if not len(book)]:
            del self._books[symbol]
        self._ticks.set_symbols({symbol: book.start for symbol, book in self._books.items()})
        for book in self._books.values():
            book.forget_counted()


def _parts(items: Sequence[Item], size: int) -> Iterable[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
