"""The open positions of one symbol and what its ticks mean to them, at O(1) a tick; it talks to no server.

Two readings of the same ticks: `live` up to the newest, for exits, and `settled` a margin behind it, for the extremes
that are flushed, so that a flush does not count ticks that a signal on its way would have cut off.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import islice, takewhile

from msgspec import Struct

from services.tpsl_worker.watched_exits import WatchedExits
from shared.domain.extremes import SuffixExtremes
from shared.domain.level_book import LevelBook
from shared.domain.marking import absorb
from shared.domain.money import exact
from shared.domain.ticks import LogEntry, PriceTick, RollMark
from shared.store.positions import StoredPosition
from shared.store.watched_positions import Numbers, WatchedPosition, watched_from


class _Unsettled(Struct, frozen=True, gc=False):
    """Ticks that came together, with their extremes, or the place of a mark; `came_at` is the monitor's clock."""

    came_at: float
    ticks: Sequence[PriceTick] = ()
    lowest: Decimal | None = None
    highest: Decimal | None = None
    mark: int = 0


class SymbolBook:
    """Knows every tick of its symbol after `start`; `due` says for which positions the fold is asked, and how far.

    `triggered` are those whose stop a tick, at that place, has set in motion: they are to be held again, as stored.
    `_held` is what the rows say, `_changed` whose rows may have new extremes to show, `_visited_at` when each was last
    looked at though it had none, the longest unvisited first.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.due: dict[int, int] = {}
        self.triggered: dict[int, int] = {}
        self._held: dict[int, WatchedPosition] = {}
        self._numbers = Numbers()
        self._exits = WatchedExits()
        self._live = SuffixExtremes()
        self._settled = SuffixExtremes()
        self._settling: deque[_Unsettled] = deque()
        self._last_mark = self._last_roll = 0
        self._extremes: LevelBook[int] = LevelBook()
        self._changed: dict[int, None] = {}
        self._visited_at: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._held)

    @property
    def versions(self) -> dict[int, int]:
        """The version of each position held, by id."""
        return {position_id: held.version for position_id, held in self._held.items()}

    def version_of(self, position_id: int) -> int | None:
        """Return the version of a position; None if it is not held."""
        held = self._held.get(position_id)
        return held.version if held else None

    def recorder_of(self, position_id: int) -> int:
        """Return whose position this is."""
        return self._held[position_id].recorder_id

    def push(self, entries: Sequence[LogEntry], now: float) -> None:
        """Take the next entries of the log: where they reach no level, each tick costs a few comparisons."""
        ticks = [entry for entry in entries if type(entry) is PriceTick]
        if len(ticks) == len(entries):
            self._push_ticks(ticks, now)
            return
        for entry in entries:
            if isinstance(entry, PriceTick):
                self._push_ticks([entry], now)
            else:
                self._push_mark(entry, now)

    def hold(self, stored: StoredPosition, now: float) -> None:
        """Add a position, or replace what is held of it; ticks that reached its levels since its place make it due."""
        position, held = stored.position, self._held.get(stored.id)
        unfilled_through = self.triggered.pop(stored.id, 0)
        if held is None or held.version != stored.version:
            unfilled_through = 0
        self._held[stored.id] = watched_from(stored, self._numbers)
        self._to_end(stored.id, now)
        self._changed[stored.id] = None
        self._extremes.add(stored.id, position.stretch.lowest, position.stretch.highest)
        self.due.pop(stored.id, None)
        self._exits.remove(stored.id)
        if position.place < self.start:
            self.due[stored.id] = self.start
        elif position.place < self._last_roll:
            self.due[stored.id] = self._last_roll
        else:
            unsure = self._live.since(max(unfilled_through, position.place))
            if not self._exits.watch(stored.id, position, self._live.since(position.place), unsure):
                self.due[stored.id] = self._live.place

    def drop(self, position_id: int) -> None:
        """Forget a position; one that is not held is no error."""
        for each in (self._held, self.due, self.triggered, self._changed, self._visited_at):
            each.pop(position_id, None)
        self._exits.remove(position_id)
        self._extremes.remove(position_id)

    def settle(self, before: float) -> None:
        """Let what came no later than `before` count for flushes."""
        lowest, highest = [], []
        while self._settling and self._settling[0].came_at <= before:
            settled = self._settling.popleft()
            self._settled.push(settled.ticks)
            if settled.lowest is None or settled.highest is None:
                self._last_mark = settled.mark
                self._changed.update(dict.fromkeys(self._held))
            else:
                lowest.append(settled.lowest)
                highest.append(settled.highest)
        if lowest:
            passed = *self._extremes.passed(min(lowest)), *self._extremes.passed(max(highest))
            self._changed.update(dict.fromkeys(passed))

    def count_settled(self, limit: int, now: float, *, rewritten_after: float) -> list[WatchedPosition]:
        """Take through the settled ticks at most `limit` positions with new extremes, and as many unwritten for long.

        Returns those worth writing: with new extremes, or whose place moved on and whose row was not written, nor
        meant to be, for `rewritten_after` seconds. A mark takes the fold to count it.
        """
        with exact():
            return [*self._with_new_extremes(limit), *self._unwritten_for_long(limit, now - rewritten_after, now)]

    def note_written(self, written: Iterable[WatchedPosition], now: float) -> None:
        """Remember that these are what the rows say; others stay worth writing."""
        for position in written:
            if position.id not in self._extremes or position.stretch != self._held[position.id].stretch:
                self._extremes.add(position.id, position.stretch.lowest, position.stretch.highest)
            self._held[position.id] = position
            self._changed.pop(position.id, None)
            self._to_end(position.id, now)

    def forget_counted(self) -> None:
        """Let go of the ticks that all rows have counted."""
        self._numbers.forget()
        counted = min((held.place for held in self._held.values()), default=self._settled.place)
        if counted > self.start:
            self.start = counted
            self._live.forget_through(counted)
            self._settled.forget_through(counted)

    def _push_ticks(self, ticks: list[PriceTick], now: float) -> None:
        prices = [tick.price for tick in ticks]
        lowest, highest, latest = min(prices), max(prices), max([tick.occurred_at for tick in ticks])
        self._settling.append(_Unsettled(now, ticks, lowest, highest))
        self._live.push(ticks)
        if not self._exits.are_quiet(lowest, highest, latest):
            for tick in ticks:
                if not self._exits.are_quiet(tick.price, tick.price, tick.occurred_at):
                    self._reach(tick)

    def _push_mark(self, mark: LogEntry, now: float) -> None:
        self._settling.append(_Unsettled(now, mark=mark.place))
        if isinstance(mark, RollMark):
            self._last_roll = mark.place
            self.due.update(dict.fromkeys(self._held, mark.place))

    def _reach(self, tick: PriceTick) -> None:
        filled, triggered = self._exits.reached(tick.price, tick.occurred_at)
        self.due.update(dict.fromkeys(filled, tick.place))
        for position_id in triggered:
            if position_id not in self.due:
                self.triggered[position_id] = tick.place

    def _with_new_extremes(self, limit: int) -> list[WatchedPosition]:
        worth_writing = []
        for position_id in list(islice(self._changed, limit)):
            del self._changed[position_id]
            held, counted = self._held[position_id], self._counted(position_id)
            if counted and _shows_more(counted, held):
                self._changed[position_id] = None  # behind the others, until it is written
                worth_writing.append(counted)
            elif position_id not in self._extremes:
                self._extremes.add(position_id, held.stretch.lowest, held.stretch.highest)
        return worth_writing

    def _unwritten_for_long(self, limit: int, visited_before: float, now: float) -> list[WatchedPosition]:
        worth_writing = []
        old = takewhile(lambda visited: visited[1] <= visited_before, self._visited_at.items())
        for position_id, _ in list(islice(old, limit)):
            self._to_end(position_id, now)
            counted = None if position_id in self._changed else self._counted(position_id)
            if counted and counted.place > self._held[position_id].place:
                worth_writing.append(counted)
        return worth_writing

    def _counted(self, position_id: int) -> WatchedPosition | None:
        """Take a position through the settled ticks; None if it takes the fold to do so."""
        held = self._held[position_id]
        if position_id in self.due or held.place < self.start:
            return None
        if self._last_mark > held.place:
            self.due[position_id] = max(self._last_mark, self._settled.place)
            return None
        seen = self._settled.since(held.place)
        return absorb(held, seen) if seen else held

    def _to_end(self, position_id: int, now: float) -> None:
        self._visited_at.pop(position_id, None)
        self._visited_at[position_id] = now


def _shows_more(position: WatchedPosition, written: WatchedPosition) -> bool:
    """Tell whether the extremes moved since the row was written."""
    moved = (position.stretch, position.worst_pnl, position.best_pnl)
    return moved != (written.stretch, written.worst_pnl, written.best_pnl)
