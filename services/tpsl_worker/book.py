"""The open positions of one symbol and what its ticks mean to them, at O(1) a tick; it talks to no server.

Two readings of the same ticks: `live` up to the newest, for exits, and `settled` a margin behind it, for the extremes
that are flushed, so that a flush does not count ticks that a signal on its way would have cut off.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from shared.domain.extremes import PriceRange, SuffixExtremes
from shared.domain.fold import absorb
from shared.domain.level_book import LevelBook
from shared.domain.position import Position
from shared.domain.ticks import GapMark, LogEntry
from shared.store.positions import StoredPosition

REWRITE_AFTER_SECONDS = 2.0


@dataclass(slots=True)
class _Held:
    stored: StoredPosition
    written: Position
    written_at: float


class SymbolBook:
    """Knows every tick of its symbol after `start`; `due` says for which positions the fold is asked, and how far."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.due: dict[int, int] = {}
        self._held: dict[int, _Held] = {}
        self._levels: LevelBook[int] = LevelBook()
        self._live = SuffixExtremes()
        self._settled = SuffixExtremes()
        self._settling: deque[tuple[float, LogEntry]] = deque()
        self._last_gap = 0
        self._rotation: deque[int] = deque()

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
        """Take the next entry of the log: a tick that reaches no level costs two comparisons."""
        self._settling.append((now, entry))
        if isinstance(entry, GapMark):
            return
        self._live.push(entry.place, entry.occurred_at, entry.price)
        for position_id in self._levels.reached(entry.price):
            self.due[position_id] = entry.place

    def hold(self, stored: StoredPosition, now: float) -> None:
        """Add a position, or replace what is held of it; ticks that reached its levels since its place make it due."""
        position = stored.position
        if stored.id not in self._held:
            self._rotation.append(stored.id)
        self._held[stored.id] = _Held(stored=stored, written=position, written_at=now)
        self.due.pop(stored.id, None)
        self._levels.remove(stored.id)
        seen = self._live.since(position.place)
        if position.place < self.start:
            self.due[stored.id] = self.start
        elif seen and _reaches(position, seen):
            self.due[stored.id] = seen.place
        else:
            self._levels.add(stored.id, *position.levels)

    def drop(self, position_id: int) -> None:
        """Forget a position; one that is not held is no error."""
        self._held.pop(position_id, None)
        self.due.pop(position_id, None)
        self._levels.remove(position_id)

    def settle(self, before: float) -> None:
        """Let the entries that came no later than `before` count for flushes."""
        while self._settling and self._settling[0][0] <= before:
            _, entry = self._settling.popleft()
            if isinstance(entry, GapMark):
                self._last_gap = entry.place
            else:
                self._settled.push(entry.place, entry.occurred_at, entry.price)

    def count_settled(self, limit: int, now: float) -> list[StoredPosition]:
        """Take the next `limit` positions, round robin, through the settled ticks; returns those worth writing.

        A gap takes the fold to count it.
        """
        worth_writing = []
        for held in self._next(limit):
            position = held.stored.position
            if self._last_gap > position.place:
                self.due[held.stored.id] = max(self._last_gap, self._settled.place)
                continue
            seen = self._settled.since(position.place)
            if seen:
                held.stored = replace(held.stored, position=absorb(position, seen))
            if held.stored.position.place > held.written.place and _shows_more(held, now):
                worth_writing.append(held.stored)
        return worth_writing

    def note_written(self, position_ids: Iterable[int], now: float) -> None:
        """Remember that the rows of these positions say what `count_settled` returned; others stay worth writing."""
        for position_id in position_ids:
            held = self._held[position_id]
            held.written, held.written_at = held.stored.position, now

    def forget_counted(self) -> None:
        """Let go of the ticks that every position has counted."""
        places = [held.stored.position.place for held in self._held.values()]
        counted = min(places, default=self._settled.place)
        if counted <= self.start:
            return
        self.start = counted
        self._live.forget_through(counted)
        self._settled.forget_through(counted)

    def _next(self, limit: int) -> Iterator[_Held]:
        for _ in range(min(limit, len(self._rotation))):
            position_id = self._rotation.popleft()
            held = self._held.get(position_id)
            if held is None:
                continue
            self._rotation.append(position_id)
            if position_id not in self.due and held.stored.position.place >= self.start:
                yield held


def _reaches(position: Position, seen: PriceRange) -> bool:
    below, above = position.levels
    return (below is not None and seen.lowest <= below) or (above is not None and seen.highest >= above)


def _shows_more(held: _Held, now: float) -> bool:
    """Tell whether the extremes moved since the row was written, or so much time passed that its place should."""
    position, written = held.stored.position, held.written
    moved = (position.stretch, position.worst_pnl, position.best_pnl)
    return (
        moved != (written.stretch, written.worst_pnl, written.best_pnl)
        or now - held.written_at >= REWRITE_AFTER_SECONDS
    )
