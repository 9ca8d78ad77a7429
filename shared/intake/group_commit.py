"""What many threads ask for at the same time, done by one of them at once; it does not know what that is."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Lock
from typing import Generic, TypeVar

# While many come, a group waits so long for more: a commit costs as much for one as for ten.
GATHERING_SECONDS = 0.002

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class _YourTurn:
    """Tells a thread to commit the next group."""


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


@dataclass(frozen=True, slots=True)
class _Ticket(Generic[Item, Outcome]):
    """Something handed in, and what its thread is told."""

    item: Item
    news: "SimpleQueue[Outcome | _Failed | _YourTurn]" = field(default_factory=SimpleQueue)


class GroupCommit(Generic[Item, Outcome]):
    """Commits what threads hand in, one group after the other; a group is all that came while the last was under way.

    It has no thread of its own: the first of a group commits for all of it. Who comes alone waits for nobody.
    """

    def __init__(self, commit: Callable[[Sequence[Item]], Sequence[Outcome]], *, most: int) -> None:
        """Let groups have at most so many; `commit` returns an outcome for each, in their order."""
        self._commit = commit
        self._most = most
        self._waiting: list[_Ticket[Item, Outcome]] = []
        self._is_committing = self._had_company = False
        self._lock = Lock()

    def take(self, item: Item) -> Outcome:
        """Hand something in, and wait for its outcome; raises what committing its group raised."""
        ticket: _Ticket[Item, Outcome] = _Ticket(item)
        with self._lock:
            self._waiting.append(ticket)
            is_first, self._is_committing = not self._is_committing, True
        news = _YourTurn() if is_first else ticket.news.get()
        if isinstance(news, _YourTurn):
            self._commit_group()
            news = ticket.news.get()
        if isinstance(news, _Failed):
            raise news.error
        return news  # type: ignore[return-value] # nobody's turn comes twice

    def _commit_group(self) -> None:
        if self._had_company:
            time.sleep(GATHERING_SECONDS)
        group = self._next_group()
        outcomes: Sequence[Outcome | _Failed]
        try:
            outcomes = self._commit([each.item for each in group])
        except BaseException as error:  # noqa: BLE001 - it is raised in each thread that waits for it
            outcomes = [_Failed(error)] * len(group)
        self._pass_the_turn_on()  # first of all, so that the servers have no pause
        for each, outcome in zip(group, outcomes, strict=True):
            each.news.put(outcome)

    def _next_group(self) -> list[_Ticket[Item, Outcome]]:
        with self._lock:
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            self._had_company = len(group) > 1
            return group

    def _pass_the_turn_on(self) -> None:
        with self._lock:
            self._is_committing = bool(self._waiting)
            if self._waiting:
                self._waiting[0].news.put(_YourTurn())
