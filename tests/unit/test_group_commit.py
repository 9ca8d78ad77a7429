import asyncio
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from shared.intake.group_commit import GroupCommit


class Commits:
    """Doubles numbers; the first group is held until it is let go."""

    def __init__(self, *, held: bool = False) -> None:
        self.groups: list[list[int]] = []
        self.began, self.may_end = Event(), Event()
        if not held:
            self.may_end.set()

    def commit(self, group: Sequence[int]) -> list[int]:
        self.groups.append(list(group))
        self.began.set()
        assert self.may_end.wait(5)
        if -1 in group:
            raise ZeroDivisionError
        return [2 * each for each in group if each != -2]


def grouped(commits: Commits, *, most: int) -> GroupCommit[int, int]:
    return GroupCommit(commits.commit, most=most, executor=ThreadPoolExecutor(1))


def within_seconds(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 10))


def test_what_comes_while_a_commit_is_under_way_is_the_next_group_and_each_gets_its_own_outcome() -> None:
    commits = Commits(held=True)

    async def take_twenty() -> list[int]:
        together = grouped(commits, most=100)
        first = asyncio.create_task(together.take(0))
        await asyncio.to_thread(commits.began.wait, 5)
        others = [asyncio.create_task(together.take(number)) for number in range(1, 20)]
        await asyncio.sleep(0.01)
        commits.may_end.set()
        return await asyncio.gather(first, *others)

    assert within_seconds(take_twenty()) == [2 * number for number in range(20)]
    assert [len(group) for group in commits.groups] == [1, 19]


def test_a_group_has_at_most_so_many_and_nobody_is_left_behind() -> None:
    commits = Commits()

    async def take_many() -> list[int]:
        together = grouped(commits, most=3)
        return await asyncio.gather(*(together.take(number) for number in range(100, 500)))

    assert within_seconds(take_many()) == [2 * number for number in range(100, 500)]
    assert sorted(number for group in commits.groups for number in group) == list(range(100, 500))
    assert max(len(group) for group in commits.groups) == 3


@pytest.mark.parametrize(("bad", "error"), [(-1, ZeroDivisionError), (-2, ValueError)])
def test_a_commit_that_fails_fails_for_its_group_alone(bad: int, error: type[Exception]) -> None:
    commits = Commits()

    async def take_both() -> int:
        together = grouped(commits, most=1)
        with pytest.raises(error):
            await together.take(bad)
        return await together.take(4)

    assert within_seconds(take_both()) == 8


def test_who_gives_up_waiting_leaves_the_others_of_its_group_their_outcomes() -> None:
    commits = Commits(held=True)

    async def give_up() -> list[int]:
        together = grouped(commits, most=100)
        tasks = [asyncio.create_task(together.take(number)) for number in range(3)]
        await asyncio.sleep(0.01)
        tasks[1].cancel()
        commits.may_end.set()
        return await asyncio.gather(tasks[0], tasks[2], together.take(7))

    assert within_seconds(give_up()) == [0, 4, 14]
