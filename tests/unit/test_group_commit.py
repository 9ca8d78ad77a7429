from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from shared.intake.group_commit import GroupCommit


class Commits:
    """Doubles numbers; the first group is held until it is let go."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.began, self.may_end = Event(), Event()

    def commit(self, group: Sequence[int]) -> list[int]:
        self.groups.append(list(group))
        self.began.set()
        assert self.may_end.wait(5)
        if -1 in group:
            raise ZeroDivisionError
        return [2 * each for each in group]


def test_what_comes_while_a_commit_is_under_way_is_the_next_group_and_each_gets_its_own_outcome() -> None:
    commits = Commits()
    together = GroupCommit(commits.commit, most=100)
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(together.take, 0)
        assert commits.began.wait(5)
        others = [pool.submit(together.take, number) for number in range(1, 20)]
        while len(together._waiting) < 19:
            pass
        commits.may_end.set()

        assert first.result(5) == 0
        assert [each.result(5) for each in others] == [2 * number for number in range(1, 20)]

    assert [len(group) for group in commits.groups] == [1, 19]


def test_a_group_has_at_most_so_many_and_nobody_is_left_behind() -> None:
    commits = Commits()
    together = GroupCommit(commits.commit, most=3)
    commits.may_end.set()
    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(together.take, range(100, 500)))

    assert outcomes == [2 * number for number in range(100, 500)]
    assert sorted(number for group in commits.groups for number in group) == list(range(100, 500))
    assert max(len(group) for group in commits.groups) <= 3


def test_a_commit_that_fails_fails_for_its_group_alone() -> None:
    commits = Commits()
    commits.may_end.set()
    together = GroupCommit(commits.commit, most=1)

    with pytest.raises(ZeroDivisionError):
        together.take(-1)

    assert together.take(4) == 8
