"""Children are watched: started again when they die, and gone when they are stopped."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from cli.processes import Process, Program, stop
from cli.supervisor import Supervisor

DEADLINE_SECONDS = 20.0
WAITS = "import time; time.sleep(600)"
IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)


def python(tmp_path: Path, code: str, name: str = "part") -> Program:
    return Program(
        name=name,
        command=(sys.executable, "-c", code),
        log=tmp_path / f"{name}.log",
        environment=os.environ,
    )


def wait_for(log: Path, word: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (log.exists() and word in log.read_text()):
        assert time.monotonic() < deadline, f"{word!r} never appeared in {log}"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_child_that_dies_is_started_again_and_the_terminal_says_why(tmp_path: Path) -> None:
    said: list[str] = []
    watching = Supervisor(said.append, first_pause_seconds=0.01)
    counting = python(tmp_path, "print('started', flush=True); raise SystemExit(3)")
    watching.start_service(counting)

    restarted = watching.watch(
        lambda: counting.log.read_text().count("started") >= 3,
        time.monotonic() + DEADLINE_SECONDS,
    )

    watching.stop()
    assert restarted
    assert said[0].startswith("part ended (exit 3): started\n")


def test_the_pauses_between_starts_grow_up_to_a_limit(tmp_path: Path) -> None:
    said: list[str] = []
    watching = Supervisor(said.append, first_pause_seconds=0.01, longest_pause_seconds=0.04)
    watching.start_service(python(tmp_path, "raise SystemExit(1)"))

    watching.watch(lambda: len(said) >= 4, time.monotonic() + DEADLINE_SECONDS)

    watching.stop()
    pauses = [line.split("starts again in ")[1].split(" s;")[0] for line in said[:4]]
    assert pauses == ["0.01", "0.02", "0.04", "0.04"]


def test_a_watch_ends_at_its_deadline() -> None:
    watching = Supervisor(print)

    assert watching.watch(lambda: False, time.monotonic() + 0.01) is False


def test_a_child_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    deaf = python(tmp_path, IGNORES_SIGTERM)
    process = deaf.start()
    wait_for(deaf.log, "deaf")

    stop([(deaf, process)], patience_seconds=0.1)

    assert process.returncode == -signal.SIGKILL


def test_what_a_child_started_ends_with_it(tmp_path: Path) -> None:
    bears = f"child = subprocess.Popen([sys.executable, '-c', {WAITS!r}]); print(child.pid, 'born', flush=True)"
    parent = python(tmp_path, f"import subprocess, sys; {bears}; {WAITS}")
    process = parent.start()
    wait_for(parent.log, "born")
    grandchild = int(parent.log.read_text().split()[0])

    stop([(parent, process)])

    deadline = time.monotonic() + DEADLINE_SECONDS
    while is_alive(grandchild) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_alive(grandchild)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child that its parent died")
def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    inner = (
        "import os, sys, time; from pathlib import Path; from cli.processes import Program; "
        f"child = Program(name='inner', command=(sys.executable, '-c', {WAITS!r}), "
        f"log=Path({str(tmp_path / 'inner.log')!r}), environment=os.environ).start(); "
        f"print(child.pid, 'born', flush=True); {WAITS}"
    )
    outer = python(tmp_path, inner, "outer")
    process: Process = outer.start()
    wait_for(outer.log, "born")
    child = int(outer.log.read_text().split()[0])

    process.kill()
    process.wait()

    deadline = time.monotonic() + DEADLINE_SECONDS
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_alive(child)
