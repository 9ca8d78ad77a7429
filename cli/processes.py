"""Child processes: started in sessions of their own, never outliving their parent, stopped with patience."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE_SECONDS = 5.0
SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)

Process = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The user of this machine that a program runs as."""

    name: str
    user: int | None
    group: int | None

    def run(self, command: tuple[str, ...], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command to its end as this user, and give what it said."""
        return subprocess.run(
            command,
            cwd="/",  # the user may not be able to reach where we are
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            user=self.user,
            group=self.group,
            extra_groups=self.extra_groups,
        )

    def own(self, path: Path) -> None:
        """Make this user the owner of a file or directory."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)

    @property
    def extra_groups(self) -> tuple[int, ...] | None:
        """No group but its own, unless it is us."""
        return None if self.user is None else ()


OURSELVES = Account(name="ourselves", user=None, group=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How to start one program: its output goes to the end of `log`, and it is run as `account`."""

    name: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(repr=False)
    account: Account = OURSELVES
    stop_signal: signal.Signals = signal.SIGTERM
    keep_open: tuple[int, ...] = ()  # file descriptors that the program inherits

    def start(self) -> Process:
        """Start it; Ctrl-C in the terminal does not reach it, the death of this process does."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self.keep_open,
                start_new_session=True,
                preexec_fn=_death_signal(self.stop_signal),  # noqa: PLW1509 - children are started from one thread
                user=self.account.user,
                group=self.account.group,
                extra_groups=self.account.extra_groups,
            )


def stop(programs: Iterable[tuple[Program, Process]], patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Ask all of them to end at once, then kill what is left of their process groups."""
    chosen = list(programs)
    for program, process in chosen:
        if process.poll() is None:
            process.send_signal(program.stop_signal)
    deadline = time.monotonic() + patience_seconds
    for _, process in chosen:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def last_line(log: Path) -> str:
    """Say the last thing that a program wrote, which is nearly always why it ended."""
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "nothing")


def _death_signal(stop_signal: signal.Signals) -> Callable[[], object] | None:
    """Have Linux send the signal when this process dies, even by kill -9; elsewhere there is no such service."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up here: the forked child must not load anything
    return lambda: prctl(SET_PARENT_DEATH_SIGNAL, int(stop_signal), 0, 0, 0)
