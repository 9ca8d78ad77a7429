"""How a bench is run, and how rounds of it and of its baseline take turns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """`smoke` asks for seconds and small sizes, to see that the bench works; `say` tells what is under way."""

    smoke: bool
    say: Callable[[str], None]

    def size(self, full: int, *, smoke: int) -> int:
        """Choose how many of something."""
        return smoke if self.smoke else full

    @property
    def rounds(self) -> int:
        """How often each thing is measured; the median counts."""
        return self.size(3, smoke=1)


def medians_in_turns(rounds: int, *measures: Callable[[], float]) -> list[float]:
    """Measure each in turn, `rounds` times, so that the machine's mood hits all of them; the median of each."""
    values = [[measure() for measure in measures] for _ in range(rounds)]
    return [median(column) for column in zip(*values, strict=True)]


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the first value, in their order, that `percent` of the values come before."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
