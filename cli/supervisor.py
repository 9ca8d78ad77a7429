"""Keeps children running: one that dies is started again, with growing pauses, and the terminal says so."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from cli.embedded.server import STOP_WITHIN_SECONDS, EmbeddedServer, start_server
from cli.processes import Process, Program, last_line, stop

LOOK_EVERY_SECONDS = 0.1
STEADY_AFTER_SECONDS = 60.0  # a child that ran this long starts again with the first pause


@dataclass(slots=True)
class Child:
    """A program that should be running, and when it may be started again if it is not."""

    program: Program
    process: Process
    started_at: float
    pause_seconds: float
    start_again_at: float | None = None


class Supervisor:
    """Servers and services: services stop first, servers last."""

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        first_pause_seconds: float = 1.0,
        longest_pause_seconds: float = 30.0,
    ) -> None:
        self._say = say
        self._first_pause_seconds = first_pause_seconds
        self._longest_pause_seconds = longest_pause_seconds
        self._servers: list[Child] = []
        self._services: list[Child] = []

    def start_server(self, server: EmbeddedServer) -> None:
        """Start a server, and wait until it answers."""
        self._servers.append(self._child(server.program, start_server(server)))

    def start_service(self, program: Program) -> None:
        """Start a service; it is ready when it says so itself."""
        self._services.append(self._child(program, program.start()))

    def watch(self, until: Callable[[], bool] = lambda: False, deadline: float = float("inf")) -> bool:
        """Start again what dies, until the condition holds (True) or the deadline of the monotonic clock (False)."""
        while not until():
            if time.monotonic() > deadline:
                return False
            for child in (*self._servers, *self._services):
                self._look_after(child)
            time.sleep(LOOK_EVERY_SECONDS)
        return True

    def stop(self) -> None:
        """Stop the services, then the servers they need."""
        stop((child.program, child.process) for child in self._services)
        stop(((child.program, child.process) for child in reversed(self._servers)), STOP_WITHIN_SECONDS)

    def _child(self, program: Program, process: Process) -> Child:
        return Child(program, process, time.monotonic(), self._first_pause_seconds)

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.start_again_at is not None:
            if now >= child.start_again_at:
                child.process, child.started_at, child.start_again_at = child.program.start(), now, None
        elif (code := child.process.poll()) is not None:
            stop([(child.program, child.process)])  # what the dead one left of its process group
            if now - child.started_at > STEADY_AFTER_SECONDS:
                child.pause_seconds = self._first_pause_seconds
            child.start_again_at = now + child.pause_seconds
            self._say(
                f"{child.program.name} ended ({_ending(code)}): {last_line(child.program.log)}\n"
                f"  It starts again in {child.pause_seconds:g} s; its log is {child.program.log}",
            )
            child.pause_seconds = min(2 * child.pause_seconds, self._longest_pause_seconds)


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit {code}"
