"""What a run is asked to be."""

from dataclasses import dataclass

from tests.chaos.schedule import Fault, plan_faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is run; `only` picks kinds of faults, by the beginnings of their names."""

    seed: int
    seconds: float
    recorders: int
    rate: float
    only: tuple[str, ...] = ("",)
    acts: bool = True
    keep: bool = False

    def faults(self) -> list[Fault]:
        """The faults of this run."""
        return [fault for fault in plan_faults(self.seed, self.seconds) if fault.kind.startswith(self.only)]
