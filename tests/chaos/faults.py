"""Carries out the faults of a schedule on the running system, and puts them right again."""

import random
from collections.abc import Callable, Mapping

from shared.bus.connection import BusError, connect_redis
from tests.chaos.proxy import Trap
from tests.chaos.schedule import SERVICES, Fault
from tests.chaos.system import POSTGRES, REDIS, System, terminate_backends

TRAPS = {
    "postgres_transactions_cut": Trap.IN_TRANSACTION,
    "postgres_commits_lost": Trap.COMMIT_LOST,
    "postgres_commit_answers_lost": Trap.ANSWER_LOST,
}
OCCASIONS = 8
TERMINATED_SHARE = 0.5

Step = Callable[[Fault], None]


class Saboteur:
    """Breaks things; `begin` and `end` of a fault are called at its times, from the thread that starts processes."""

    def __init__(self, system: System, seed: int) -> None:
        self._system = system
        self._engine = system.engine()
        self._chance = random.Random(f"saboteur {seed}")
        self._victims: dict[Fault, str] = {}
        self._begin: Mapping[str, Step] = {
            "restarted": self._take_away,
            "killed": self._kill,
            "away": self._take_away,
            "frozen": lambda fault: system.freeze(_server(fault)),
            "silent": lambda _: system.proxy.call("go_silent"),
            "stopped": lambda fault: system.freeze(self._victim(fault)),
        }
        self._end: Mapping[str, Step] = {
            "restarted": lambda fault: system.bring_back(_server(fault)),
            "killed": self._start_again,
            "away": lambda fault: system.bring_back(_server(fault)),
            "frozen": lambda fault: system.thaw(_server(fault)),
            "silent": lambda _: system.proxy.call("speak_again"),
            "stopped": lambda fault: system.thaw(self._victims.pop(fault)),
        }

    def begin(self, fault: Fault) -> str:
        """Break it; returns what there is to say about it."""
        if _is_outage(fault):
            self._system.outages.add(fault.kind)
        if step := self._begin.get(fault.kind.rpartition("_")[2]):
            step(fault)
            return self._victims.get(fault, "")
        return self._cut(fault.kind)

    def end(self, fault: Fault) -> None:
        """Put it right."""
        if step := self._end.get(fault.kind.rpartition("_")[2]):
            step(fault)
        self._system.outages.discard(fault.kind)

    def close(self) -> None:
        """Leave nothing that could still go off."""
        self._system.proxy.call("clear_traps")
        self._engine.dispose()

    def _victim(self, fault: Fault) -> str:
        service = fault.kind.rpartition("_")[0]
        name = self._system.feed_that_publishes() if service == "price_feed" else f"{service}-{fault.replica}"
        if self._system.children[name].down:
            name = f"{service}-{1 - int(name[-1])}"
        self._victims[fault] = name
        return name

    def _kill(self, fault: Fault) -> None:
        if _is_outage(fault):
            self._system.take_away(_server(fault), kill=True)
        else:
            self._system.kill(self._victim(fault), whole=fault.whole)

    def _start_again(self, fault: Fault) -> None:
        if _is_outage(fault):
            self._system.bring_back(_server(fault))
        else:
            self._system.start_again(self._victims.pop(fault))

    def _take_away(self, fault: Fault) -> None:
        self._system.take_away(_server(fault), kill=False)

    def _cut(self, kind: str) -> str:
        system = self._system
        if kind in TRAPS:
            system.proxy.call("set_traps", TRAPS[kind], OCCASIONS)
            return f"the next {OCCASIONS}"
        if kind == "postgres_connections_reset":
            return f"{system.proxy.call('reset_all')} connections"
        if kind == "postgres_backends_terminated":
            return f"{terminate_backends(self._engine, TERMINATED_SHARE)} sessions"
        return f"{self._kill_clients('pubsub' if kind == 'pubsub_cut' else 'normal')} connections"

    def _kill_clients(self, which: str) -> int:
        client = connect_redis(self._system.redis_url, retries=False, timeout_seconds=1)
        try:
            return int(client.execute_command("CLIENT", "KILL", "TYPE", which, "SKIPME", "yes"))
        except BusError:
            return 0
        finally:
            client.close()


def _is_outage(fault: Fault) -> bool:
    return _server(fault) in {POSTGRES, REDIS} and not fault.kind.startswith(SERVICES) and _lasts(fault)


def _lasts(fault: Fault) -> bool:
    return fault.kind.rpartition("_")[2] in {"restarted", "killed", "away", "frozen", "silent"}


def _server(fault: Fault) -> str:
    return fault.kind.partition("_")[0]
