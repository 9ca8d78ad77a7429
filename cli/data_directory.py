"""The directory in which `recorder up` keeps everything, held by one run at a time."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cli.refusals import Refused

LEFTOVERS_END_WITHIN_SECONDS = 25.0
LOOK_EVERY_SECONDS = 0.1
LARGEST_LOG_BYTES = 10_000_000
SEARCHABLE = 0o711  # as root, Postgres runs as another user; what is secret inside is closed by itself


@contextmanager
def held(directory: Path, say: Callable[[str], None]) -> Iterator[int]:
    """Make the directory and hold it for this run; gives a descriptor that every child must inherit.

    Through it a child holds the directory too. Should this process be killed, the next run waits until the last
    child has noticed, so that two Postgres or Valkey never write to the same files.
    """
    if not directory.exists():
        directory.mkdir(parents=True)
        directory.chmod(SEARCHABLE)
    with (directory / "up.lock").open("a") as ours, (directory / "children.lock").open("a") as theirs:
        if not _locked(ours):
            raise Refused(f"Another `recorder up` runs on {directory}: use it, or give this one its own --data.")
        if not _locked(theirs):
            say("Waiting for the programs of an earlier run to end")
            _wait_for(theirs, directory)
        yield theirs.fileno()


def log_of(directory: Path, name: str) -> Path:
    """Give the log file of a program; a large one from earlier runs is put aside first."""
    logs = directory / "logs"
    logs.mkdir(mode=0o700, exist_ok=True)
    log = logs / f"{name}.log"
    if log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
        log.replace(log.with_suffix(".log.old"))
    return log


def _wait_for(lock: IO[str], directory: Path) -> None:
    deadline = time.monotonic() + LEFTOVERS_END_WITHIN_SECONDS
    while not _locked(lock):
        if time.monotonic() > deadline:
            raise Refused(f"Programs of an earlier run still use {directory}: end them first.")
        time.sleep(LOOK_EVERY_SECONDS)


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
