"""What breaks and when: a pure function of a seed and a length, so that a failure can be repeated."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SERVICES = ("web", "price_feed", "recorder_worker", "tpsl_worker")
REPLICAS = 2
STOPPED_SECONDS = 10.0
RESTARTED_AFTER_SECONDS = 1.0
BEFORE_THE_FIRST_SECONDS = 3.0
AFTER_THE_LAST_SECONDS = 5.0
SHORT_RUN_SECONDS = 60.0
LONG_RUN_SECONDS = 180.0
BETWEEN_OUTAGES_SECONDS = (6.0, 2.0)  # in a long run, and in one of a minute
MOMENTS_EVERY_SECONDS = 40.0

# Outages of a server, never two at once: how long in a long run and in one of a minute.
OUTAGES = {
    "postgres_restarted": (0.0, 0.0),
    "postgres_killed": (0.0, 0.0),
    "postgres_away": (20.0, 5.0),
    "postgres_frozen": (5.0, 2.5),
    "postgres_silent": (5.0, 2.5),
    "redis_restarted": (0.0, 0.0),
    "redis_killed": (0.0, 0.0),
    "redis_away": (20.0, 5.0),
    "redis_frozen": (5.0, 2.5),
}
RESTART_SECONDS = 1.5  # what a server needs to be back, roughly
# What happens to connections, in a moment.
MOMENTS = (
    "pubsub_cut",
    "redis_connections_cut",
    "postgres_backends_terminated",
    "postgres_connections_reset",
    "postgres_transactions_cut",
    "postgres_commits_lost",
    "postgres_commit_answers_lost",
)
KINDS = (*OUTAGES, *MOMENTS, *(f"{service}_{what}" for service in SERVICES for what in ("killed", "stopped")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that breaks `at` seconds after the start and is put right `seconds` later.

    `replica` is which process of a service; a kill that is not `whole` leaves the process's children alone.
    """

    at: float
    kind: str
    seconds: float = 0.0
    replica: int = 0
    whole: bool = True

    @property
    def ends_at(self) -> float:
        """When it is being put right."""
        return self.at + self.seconds


def plan_faults(seed: int, seconds: float) -> list[Fault]:
    """Plan the faults of a run, in order; each kind at least once, the last one over well before the end."""
    chance = random.Random(f"faults {seed}")
    pace = min(1.0, seconds / SHORT_RUN_SECONDS)  # a run of less than a minute squeezes everything
    begin, end = BEFORE_THE_FIRST_SECONDS * pace, seconds - AFTER_THE_LAST_SECONDS * pace
    outages = list(_outages(chance, begin, end, pace))
    faults = [*outages, *_processes(chance, begin, end, pace), *_moments(chance, begin, end, outages)]
    return sorted(faults, key=lambda fault: (fault.at, fault.kind))


def _outages(chance: random.Random, begin: float, end: float, pace: float) -> Iterator[Fault]:
    """Rounds of all outages in shuffled order, the rest of the time spread between them."""
    is_long = end - begin > LONG_RUN_SECONDS
    lengths = {kind: (long if is_long else short) * pace for kind, (long, short) in OUTAGES.items()}
    restart, pause = RESTART_SECONDS * pace, BETWEEN_OUTAGES_SECONDS[not is_long] * pace
    a_round = sum(lengths.values()) + len(OUTAGES) * (restart + pause)
    rounds = max(1, int((end - begin) / a_round))
    spare = max(0.0, (end - begin - rounds * a_round) / (rounds * len(OUTAGES)))
    at = begin
    for kind in (kind for _ in range(rounds) for kind in chance.sample(list(OUTAGES), len(OUTAGES))):
        start = at + chance.uniform(0.0, spare)
        yield Fault(at=start, kind=kind, seconds=lengths[kind])
        at += lengths[kind] + restart + pause + spare


def _processes(chance: random.Random, begin: float, end: float, pace: float) -> Iterator[Fault]:
    """One service stopped at a time, and another one killed meanwhile; each service both ways in every round."""
    stopped, killed = STOPPED_SECONDS * pace, RESTARTED_AFTER_SECONDS * pace
    shortest = (2.0 if end - begin > LONG_RUN_SECONDS else 1.2) * stopped
    slot_count = max(1, int((end - begin) / (len(SERVICES) * shortest))) * len(SERVICES)
    slot = (end - begin) / slot_count
    order: Sequence[str] = ()
    for number in range(slot_count):
        turn = number % len(SERVICES)
        order = order if turn else chance.sample(SERVICES, len(SERVICES))
        at = begin + number * slot
        pause = slot - stopped
        yield Fault(
            at=at + chance.uniform(0.0, pause),
            kind=f"{order[turn]}_stopped",
            seconds=stopped,
            replica=chance.randrange(REPLICAS),
        )
        # Within the slot, and of a service that is stopped neither in this one nor in the next.
        yield Fault(
            at=at + chance.uniform(0.0, slot - 2 * killed),
            kind=f"{order[turn - 2]}_killed",
            seconds=killed,
            replica=chance.randrange(REPLICAS),
            whole=chance.random() < 0.5,
        )


def _moments(chance: random.Random, begin: float, end: float, outages: Sequence[Fault]) -> Iterator[Fault]:
    """Cuts at random times at which their server is there, so that there is something to cut."""
    for kind in MOMENTS * max(1, round((end - begin) / MOMENTS_EVERY_SECONDS)):
        server = "redis" if kind == "pubsub_cut" else kind.partition("_")[0]
        of_server = [each for each in outages if each.kind.startswith(server)]
        while True:
            at = chance.uniform(begin, end)
            if not any(each.at - 0.5 < at < each.ends_at + RESTART_SECONDS for each in of_server):
                yield Fault(at=at, kind=kind)
                break
