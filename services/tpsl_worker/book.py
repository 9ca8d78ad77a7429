"""The open positions of one symbol and what its ticks mean to them, at O(1) a tick; it talks to no server.

Two readings of the same ticks: `live` up to the newest, for exits, and `settled` a margin behind it, for the extremes
that are flushed, so that a flush does not count ticks that a signal on its way would have cut off.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice, takewhile

from msgspec.structs import replace

from services.tpsl_worker.watched_exits import WatchedExits
from shared.domain.extremes import SuffixExtremes
from shared.domain.fold import absorb
from shared.domain.level_book import LevelBook
from shared.domain.position import Position
from shared.domain.ticks import LogEntry, PriceTick, RollMark
from shared.store.positions import StoredPosition

# A row that has no new extreme to show is written again after a while, so that its place moves on: after a second,
# later where that would be more than so many rows a second, but before the tick log could be trimmed.
REWRITTEN_A_SECOND = 400
SOONEST_REWRITE_SECONDS = 1.0
LATEST_REWRITE_SECONDS = 25.0
GOES_FOR_ALL = 320


@dataclass(slots=True)
class _Held:
    stored: StoredPosition
    written: Position
    written_at: float


class SymbolBook:
    """Knows every tick of its symbol after `start`; `due` says for which positions the fold is asked, and how far.

    `_changed` are positions whose rows have new extremes to show, `_by_age` all of them, the longest unwritten first.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.due: dict[int, int] = {}
        self._held: dict[int, _Held] = {}
        self._exits = WatchedExits()
        self._live = SuffixExtremes()
        self._settled = SuffixExtremes()
        self._settling: deque[tuple[float, LogEntry]] = deque()
        self._last_mark = self._last_roll = 0
        self._extremes: LevelBook[int] = LevelBook()
        self._changed: dict[int, None] = {}
        self._by_age: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._held)

    @property
    def versions(self) -> dict[int, int]:
        """The version of each position held, by id."""
        return {position_id: held.stored.version for position_id, held in self._held.items()}

    def recorder_of(self, position_id: int) -> int:
        """Return whose position this is."""
        return self._held[position_id].stored.recorder_id

    def push(self, entry: LogEntry, now: float) -> None:
        """Take the next entry of the log: a tick that reaches no level costs a few comparisons."""
        self._settling.append((now, entry))
        if type(entry) is PriceTick:
            self._live.push(entry.place, entry.occurred_at, entry.price)
            if not self._exits.is_quiet(entry.price, entry.occurred_at):
                self._reach(entry)
        elif isinstance(entry, RollMark):
            self._last_roll = entry.place
            self.due.update(dict.fromkeys(self._held, entry.place))

    def hold(self, stored: StoredPosition, now: float) -> None:
        """Add a position, or replace what is held of it; ticks that reached its levels since its place make it due."""
        position = stored.position
        self._held[stored.id] = _Held(stored=stored, written=position, written_at=now)
        self._to_end(stored.id)
        self._changed[stored.id] = None
        self.due.pop(stored.id, None)
        self._exits.remove(stored.id)
        seen = self._live.since(position.place)
        if position.place < self.start:
            self.due[stored.id] = self.start
        elif position.place < self._last_roll:
            self.due[stored.id] = self._last_roll
        elif seen and self._exits.may_have_filled(position, seen):
            self.due[stored.id] = seen.place
        else:
            self._exits.watch(stored.id, position, seen)

    def drop(self, position_id: int) -> None:
        """Forget a position; one that is not held is no error."""
        for each in (self._held, self.due, self._changed, self._by_age):
            each.pop(position_id, None)
        self._exits.remove(position_id)
        self._extremes.remove(position_id)

    def settle(self, before: float) -> None:
        """Let the entries that came no later than `before` count for flushes."""
        prices = []
        while self._settling and self._settling[0][0] <= before:
            entry = self._settling.popleft()[1]
            if type(entry) is PriceTick:
                self._settled.push(entry.place, entry.occurred_at, entry.price)
                prices.append(entry.price)
            else:
                self._last_mark = entry.place
        if prices:
            reached = *self._extremes.reached(min(prices)), *self._extremes.reached(max(prices))
            self._changed.update(dict.fromkeys(reached))

    def count_settled(self, limit: int, now: float) -> list[StoredPosition]:
        """Take at most `limit` positions with new extremes through the settled ticks, and those unwritten for long.

        Returns those worth writing. A mark takes the fold to count it.
        """
        changed = list(islice(self._changed, limit))
        counted = [held for position_id in changed if (held := self._counted(position_id))]
        worth_writing = [held.stored for held in counted if _shows_more(held)]
        for held in counted:
            if not _shows_more(held):
                del self._changed[held.stored.id]
        for position_id in self._unwritten_for_long(limit, now):
            old = self._counted(position_id)
            if old and old.stored.position.place > old.written.place:
                worth_writing.append(old.stored)
            elif old:
                self._note(old, now)
        return worth_writing

    def note_written(self, position_ids: Iterable[int], now: float) -> None:
        """Remember that the rows of these positions say what `count_settled` returned; others stay worth writing."""
        for position_id in position_ids:
            self._note(self._held[position_id], now)

    def forget_counted(self) -> None:
        """Let go of the ticks that every position has counted."""
        places = [held.stored.position.place for held in self._held.values()]
        counted = min(places, default=self._settled.place)
        if counted <= self.start:
            return
        self.start = counted
        self._live.forget_through(counted)
        self._settled.forget_through(counted)

    def _reach(self, tick: PriceTick) -> None:
        filled, triggered = self._exits.reached(tick.price, tick.occurred_at)
        for position_id in filled:
            self.due[position_id] = tick.place
        for position_id in triggered:
            if position_id not in self.due:
                position = self._held[position_id].stored.position
                self._exits.watch(position_id, position, self._live.since(position.place))

    def _unwritten_for_long(self, limit: int, now: float) -> list[int]:
        wait = min(max(len(self._held) / REWRITTEN_A_SECOND, SOONEST_REWRITE_SECONDS), LATEST_REWRITE_SECONDS)
        old = takewhile(lambda position_id: now - self._held[position_id].written_at >= wait, self._by_age)
        at_most = max(limit, len(self._held) // GOES_FOR_ALL)
        return [position_id for position_id in islice(old, at_most) if position_id not in self._changed]

    def _counted(self, position_id: int) -> _Held | None:
        """Take a position through the settled ticks; None if it takes the fold to do so."""
        held = self._held[position_id]
        position = held.stored.position
        if position_id in self.due or position.place < self.start:
            return None
        if self._last_mark > position.place:
            self.due[position_id] = max(self._last_mark, self._settled.place)
            return None
        seen = self._settled.since(position.place)
        if seen:
            held.stored = replace(held.stored, position=absorb(position, seen))
        stretch = held.stored.position.stretch
        self._extremes.add(position_id, stretch.lowest, stretch.highest)
        return held

    def _note(self, held: _Held, now: float) -> None:
        held.written, held.written_at = held.stored.position, now
        self._changed.pop(held.stored.id, None)
        self._to_end(held.stored.id)

    def _to_end(self, position_id: int) -> None:
        self._by_age.pop(position_id, None)
        self._by_age[position_id] = None


def _shows_more(held: _Held) -> bool:
    """Tell whether the extremes moved since the row was written."""
    position, written = held.stored.position, held.written
    moved = (position.stretch, position.worst_pnl, position.best_pnl)
    return moved != (written.stretch, written.worst_pnl, written.best_pnl)
