"""Follows the ticks of this worker's share of the symbols: exits at once, extremes in batches."""

import gc
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

from services.tpsl_worker.book import SymbolBook
from services.tpsl_worker.flushes import Flushes, FlushTimes
from services.tpsl_worker.share import SymbolShare
from shared.bus.announcements import PositionAnnouncements, PositionChange
from shared.bus.connection import RedisClient
from shared.bus.tick_subscription import TickSubscription
from shared.catch_up import catch_up
from shared.domain.ticks import LogEntry
from shared.store.database import Engine
from shared.store.positions import StoredPosition, load_positions, open_position_versions
from shared.store.symbol_leases import SymbolLeases

LONGEST_WAIT_SECONDS = 0.05
POSTPONED_SECONDS = 1.0  # ticks that wait, and exits, come first: a later flush counts all ticks at once
RECONCILE_EVERY_SECONDS = 5.0
FORGET_EVERY_SECONDS = 10.0
EXITS_AT_ONCE = 2500  # a second's work; between two lots of them nothing is under way
LOADED_AT_ONCE = 2000

Item = TypeVar("Item")


class Monitor:
    """The open positions of its symbols, and the ticks and announcements that concern them; used by one thread.

    A symbol that is ours by lease is followed until another worker holds it, or no position is open in it.
    """

    def __init__(
        self,
        engine: Engine,
        log: RedisClient,
        redis_url: str,
        *,
        flush_times: FlushTimes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._log = log
        self._ticks = TickSubscription(redis_url, {})
        self._announcements = PositionAnnouncements(redis_url)
        self._share = SymbolShare(SymbolLeases(engine))
        self._flushes = Flushes(engine, log, flush_times, clock)
        self._clock = clock
        self._books: dict[str, SymbolBook] = {}
        self._symbol_of: dict[int, str] = {}
        self._unsure: set[str] = set()  # symbols whose positions have to be loaded
        self._doubted: deque[str] = deque()  # symbols that are compared with the database, just to be sure
        self._reconcile_at = self._forget_at = self._kept_up_at = 0.0

    @property
    def symbols(self) -> int:
        """How many symbols are ours."""
        return len(self._share.own)

    @property
    def positions(self) -> int:
        """How many positions are watched."""
        return len(self._symbol_of)

    def turn(self) -> None:
        """Go once round: learn of positions, take ticks, exit, keep up; waits a moment where nothing happens."""
        self._learn()
        self._take_ticks()
        is_behind = self._exit_due() or self._ticks.more_wait
        if not is_behind or self._clock() >= self._kept_up_at + POSTPONED_SECONDS:
            self._keep_up()

    def close(self) -> None:
        """Give the connections back that it made, and the symbols."""
        self._share.close()
        self._ticks.close()
        self._announcements.close()

    def _take_ticks(self) -> None:
        entries = self._ticks.next_batch(0.0 if self._flushes.are_under_way or self._doubted else LONGEST_WAIT_SECONDS)
        by_symbol: defaultdict[str, list[LogEntry]] = defaultdict(list)
        for entry in entries:
            by_symbol[entry.symbol].append(entry)
        now = self._clock()
        for symbol, of_symbol in by_symbol.items():
            book = self._books.get(symbol)  # it may be empty, and still has to know every tick
            if book is not None:
                book.push(of_symbol, now)

    def _learn(self) -> None:
        self._hear()
        if self._share.beat_if_due(self._books.keys()):
            self._let_go(self._books.keys() & self._share.others)
            self._unsure |= self._share.own - self._books.keys()
        if self._unsure:
            self._reconcile(self._unsure)
            self._unsure = set()

    def _hear(self) -> None:
        """Load what was announced in our symbols; one that nobody is known to hold may soon be ours."""
        changes = self._announcements.next_batch(0)
        if not changes:
            return
        followed = self._share.own | self._books.keys()
        news = (change for change in changes if change.symbol in followed and not self._knows(change))
        self._load(sorted({change.position_id for change in news}))
        if {change.symbol for change in changes} - followed - self._share.others:
            self._share.beat_soon()

    def _knows(self, change: PositionChange) -> bool:
        """Tell whether a change is behind what is held, as those are that were made in here."""
        book = self._books.get(change.symbol)
        held = book.version_of(change.position_id) if book else None
        if change.version is None:
            return False
        return not change.is_open if held is None else held >= change.version

    def _reconcile(self, symbols: Collection[str]) -> None:
        """Compare with the database what is held of these: it alone knows which positions are open."""
        with self._engine.connect() as connection:
            versions = open_position_versions(connection, symbols)
        books = (self._books[symbol] for symbol in symbols if symbol in self._books)
        held = {position_id: version for book in books for position_id, version in book.versions.items()}
        self._drop(held.keys() - versions.keys())
        self._load([position_id for position_id, version in versions.items() if held.get(position_id) != version])

    def _load(self, position_ids: Sequence[int]) -> None:
        for part in _parts(position_ids, LOADED_AT_ONCE):
            with self._engine.connect() as connection:
                stored = load_positions(connection, part)
            self._drop(set(part) - {each.id for each in stored})
            self._hold(stored)
            gc.freeze()  # positions are in no cycles, and looking for some among very many takes seconds
            self._share.renew_if_due()

    def _hold(self, stored: Iterable[StoredPosition]) -> None:
        by_symbol: dict[str, list[StoredPosition]] = {}
        for each in stored:
            by_symbol.setdefault(each.position.symbol, []).append(each)
        new = by_symbol.keys() - self._books.keys()
        for symbol in new:
            self._books[symbol] = SymbolBook(start=min(each.position.place for each in by_symbol[symbol]))
        if new:
            self._follow_ticks()
        for symbol, positions in by_symbol.items():
            for each in positions:
                self._symbol_of[each.id] = symbol
                self._books[symbol].hold(each, self._clock())

    def _drop(self, position_ids: Iterable[int]) -> None:
        for position_id in position_ids:
            symbol = self._symbol_of.pop(position_id, None)
            if symbol is not None:
                self._books[symbol].drop(position_id)

    def _exit_due(self) -> bool:
        """Let the fold decide about every position whose level a tick reached, if any; who is busy stays due."""
        self._load([position_id for book in self._books.values() for position_id in book.triggered])
        through = {symbol: max(book.due.values()) for symbol, book in self._books.items() if book.due}
        due = sorted(position_id for symbol in through for position_id in self._books[symbol].due)
        for part in _parts(due, EXITS_AT_ONCE):
            recorder_ids = {self._books[self._symbol_of[each]].recorder_of(each) for each in part}
            catch_up(self._engine, self._log, recorder_ids, through=through, wait=False)
            self._load(part)
        return bool(due)

    def _keep_up(self) -> None:
        """Go on with what ticks and exits come before."""
        self._kept_up_at = self._clock()
        self._compare()
        self._flushes.go_on(self._books)
        self._share.renew_if_due()
        if self._clock() >= self._forget_at:
            self._forget_at = self._clock() + FORGET_EVERY_SECONDS
            self._forget()

    def _compare(self) -> None:
        """Compare all that is held with the database now and then, a symbol at a time: exits wait for no more."""
        if self._clock() >= self._reconcile_at:
            self._reconcile_at = self._clock() + RECONCILE_EVERY_SECONDS
            self._doubted.extend((self._share.own | self._books.keys()).difference(self._doubted))
        if self._doubted:
            self._reconcile([self._doubted[0]])
            self._doubted.popleft()

    def _forget(self) -> None:
        self._let_go([symbol for symbol, book in self._books.items() if not len(book)])
        for book in self._books.values():
            book.forget_counted()

    def _let_go(self, symbols: Collection[str]) -> None:
        """Stop following these; what was counted and not flushed is counted again by who follows them next."""
        for symbol in symbols:
            self._drop(self._books[symbol].versions)
            del self._books[symbol]
        if symbols:
            self._follow_ticks()

    def _follow_ticks(self) -> None:
        self._ticks.set_symbols({symbol: book.start for symbol, book in self._books.items()})


def _parts(items: Sequence[Item], size: int) -> Iterable[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
