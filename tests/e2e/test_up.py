"""`recorder up` as a person meets it: one command, real servers, and nothing left behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from cli.embedded.server import free_port
from cli.web_client import is_ready
from tests.conftest import open_directory

DEADLINE_SECONDS = 60.0
REPOSITORY = Path(__file__).parents[2]
OURS = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL", "SECRET_KEY"}}


class Up:
    """A `recorder up` in the background, on a data directory and port of its own."""

    def __init__(self, data: Path, port: int, *options: str, environment: Mapping[str, str] = OURS) -> None:
        self.data, self.port = data, port
        self._said = data.parent / "said"
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                [*recorder("up", "--data", str(data), "--port", str(port)), *options],
                cwd=REPOSITORY,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    def said(self) -> str:
        """What it has printed so far."""
        return self._said.read_text()

    def wait_until_ready(self) -> str:
        """Wait for its welcome, and give all that it printed."""
        poll(lambda: "Ctrl-C stops everything" in self.said() or self.process.poll() is not None, self.said)
        assert "Ready after" in self.said(), self.said()
        return self.said()

    def end(self, number: signal.Signals) -> int:
        """Send the signal, and give the exit code."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_SECONDS)


def recorder(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cli.main", *arguments]


def run(*arguments: str, environment: dict[str, str] = OURS) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        recorder(*arguments),
        cwd=REPOSITORY,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )


def poll(holds: Callable[[], bool], shown: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, shown()
        time.sleep(0.05)


def processes_holding(data: Path, command: str = "") -> list[int]:
    """The processes that inherited the lock of the data directory, and have this command among their words."""
    lock = str((data / "children.lock").resolve())
    held = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # gone by now, or another user's
            if command in " ".join(process.cmdline()) and any(each.path == lock for each in process.open_files()):
                held.append(process.pid)
    return held


@contextmanager
def running(directory: Path, *options: str, environment: Mapping[str, str] = OURS) -> Iterator[Up]:
    """Run it for the length of a `with` block, which ends with no process left."""
    up = Up(directory / "data", free_port(), *options, environment=environment)
    try:
        up.wait_until_ready()
        yield up
    finally:
        up.process.kill()
        up.process.wait()
        poll(lambda: not processes_holding(up.data), lambda: processes_holding(up.data))


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """One run, with the demo, for the tests that leave it running."""
    with open_directory() as directory, running(directory) as up:
        yield up


def test_a_newcomer_gets_an_address_a_log_in_and_a_signal_through(up: Up, tmp_path: Path) -> None:
    said = up.said()

    assert f"http://127.0.0.1:{up.port}" in said
    assert re.search(r"admin, password [0-9a-f-]{27} ", said)
    settings = tmp_path / "R.json"
    settings.write_text(json.dumps({"name": "First", "symbol": "MNQ1!"}))
    added = run("recorder", "add", "--user", "admin", "--file", str(settings), "--data", str(up.data))
    assert added.returncode == 0, added.stderr
    webhook = added.stdout.strip()
    token = webhook.rpartition("/")[2]
    sent = run("signal", "send", token, '{"action": "buy", "price": "1"}', "--data", str(up.data))
    assert (sent.returncode, sent.stdout[:4]) == (0, "200 "), sent.stderr
    rotated = run("recorder", "token", "rotate", "First", "--user", "admin", "--data", str(up.data))
    assert rotated.stdout.strip() != webhook
    refused = run("signal", "send", token, "buy", "--data", str(up.data))
    assert (refused.returncode, refused.stdout[:4]) == (1, "404 ")
    bob = run("user", "add", "bob", "--data", str(up.data))
    assert "password: " in bob.stdout
    again = run("user", "add", "bob", "--data", str(up.data))
    assert (again.returncode, again.stderr) == (2, "Error: there is a user 'bob' already\n")


def test_a_second_run_on_the_same_data_says_so(up: Up) -> None:
    second = run("up", "--data", str(up.data), "--port", str(free_port()))

    assert second.returncode == 2
    assert (
        second.stderr == f"Error: Another `recorder up` runs on {up.data}: use it, or give this one its own --data.\n"
    )


def test_a_service_that_dies_is_back_soon(up: Up) -> None:
    (victim,) = processes_holding(up.data, "price-feed")

    os.kill(victim, signal.SIGKILL)

    poll(lambda: "price-feed ended (signal 9)" in up.said(), up.said)
    poll(lambda: processes_holding(up.data, "price-feed") not in ([], [victim]), up.said)
    poll(lambda: is_ready(up.port), up.said)


def test_the_demo_sends_alerts_by_itself(up: Up) -> None:
    log = up.data / "logs" / "demo.log"

    poll(lambda: log.read_text().count('"status": 200') >= 5, log.read_text)


def test_after_a_kill_nothing_runs_on_and_the_next_start_finds_the_data(reachable: Path) -> None:
    with running(reachable, "--no-demo") as up:
        assert len(processes_holding(up.data)) > 6

        up.end(signal.SIGKILL)
        again = Up(up.data, up.port, "--no-demo")
        said = again.wait_until_ready()

        assert "password as printed at the first start" in said
        assert again.end(signal.SIGTERM) == 0
        assert processes_holding(up.data) == []
        assert not (up.data / "running.json").exists()


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"PORT": "80a"}, "PORT is '80a': it must be a whole number from 1 to 65535."),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL is 'LOUD': it must be one of DEBUG, INFO, WARNING, ERROR."),
        ({"FEED": "replay"}, "FEED_TICKS is not set: FEED=replay needs the CSV file of ticks to play."),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is too short: it needs at least 32 characters."),
    ],
)
def test_a_wrong_variable_is_one_line_and_exit_code_2(tmp_path: Path, variables: dict[str, str], sentence: str) -> None:
    refused = run("up", "--data", str(tmp_path), environment=OURS | variables)

    assert (refused.returncode, refused.stdout, refused.stderr) == (2, "", f"Error: {sentence}\n")
    assert not (tmp_path / "postgres").exists()
