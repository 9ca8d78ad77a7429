"""A future whose roll may be near today, whatever today is: what a venue's own roll is tested with."""

import time
from typing import NamedTuple

from shared.contracts_file import packaged_contracts
from shared.domain.contracts import Contract
from shared.domain.rolls import contracts_near


class Rolling(NamedTuple):
    """A continuous symbol, the contract that it leaves and the one that it becomes."""

    contract: Contract
    symbol: str
    old: str
    new: str


def rolling_today(*roots: str) -> Rolling:
    """Choose the first of these roots, or else any, that has two contracts within two weeks of a roll day."""
    known = packaged_contracts()
    for root in (*roots, *known):
        near = contracts_near(f"{root}1!", root, time.time_ns(), {})
        if len(near) == 2:
            return Rolling(known[root], f"{root}1!", near[0], near[1])
    message = "no future rolls within two weeks of today"
    raise AssertionError(message)
