"""What many ask for at the same time, done at once; it does not know what that is."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

# While many come, a group waits so long for more: a commit costs as much for one as for ten.
GATHERING_SECONDS = 0.001

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class GroupCommit(Generic[Item, Outcome]):
    """Commits what coroutines of one event loop hand in, one group after the other, in a thread of `executor`.

    A group is all that came while the last was under way. Who comes alone waits for nobody.
    """

    def __init__(
        self, commit: Callable[[Sequence[Item]], Sequence[Outcome]], *, most: int, executor: Executor | None = None
    ) -> None:
        """Let groups have at most so many; `commit` returns an outcome for each, in their order."""
        self._commit = commit
        self._most = most
        self._executor = executor
        self._waiting: list[tuple[Item, asyncio.Future[Outcome]]] = []
        self._committing: asyncio.Task[None] | None = None

    async def take(self, item: Item) -> Outcome:
        """Hand something in, and wait for its outcome; raises what committing its group raised."""
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, outcome))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all())
        return await outcome

    async def _commit_all(self) -> None:
        had_company = False
        try:
            while self._waiting:
                if had_company:
                    await asyncio.sleep(GATHERING_SECONDS)
                group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                had_company = len(group) > 1
                await self._commit_group(group)
        finally:
            self._committing = None

    async def _commit_group(self, group: "list[tuple[Item, asyncio.Future[Outcome]]]") -> None:
        items = [item for item, _ in group]
        try:
            outcomes = await asyncio.get_running_loop().run_in_executor(self._executor, self._commit, items)
            told = list(zip(group, outcomes, strict=True))
        except Exception as error:  # noqa: BLE001 - it is raised for each that waits for it
            for _, waiting in group:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (_, waiting), outcome in told:
            if not waiting.done():  # who gave up is told nothing
                waiting.set_result(outcome)
