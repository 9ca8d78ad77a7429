"""A minute of `make chaos`: alerts, ticks and faults of every kind, and not one alert or figure wrong afterwards.

How long anything took is judged by `make chaos` alone, which has the machine to itself.
"""

import json
import os
import subprocess
import sys

import pytest

from cli.embedded.server import EmbeddedServerError
from tests.chaos.schedule import KINDS
from tests.chaos.verdict import MUST_BE_ZERO
from tests.conftest import open_directory
from tests.e2e.test_up import OURS, REPOSITORY

SECONDS, SEED = 60, 3
RECORDERS, RATE = 60, 40  # a third of what `make chaos` does, on a machine that may have other things to do
DEADLINE_SECONDS = 240
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="stops processes that it finds in /proc")


def test_a_minute_of_faults_loses_and_changes_nothing() -> None:
    skip_where_no_server_can_run()
    options = {"--seconds": SECONDS, "--seed": SEED, "--recorders": RECORDERS, "--rate": RATE}
    command = [sys.executable, "-m", "tests.chaos", *(str(part) for option in options.items() for part in option)]
    ended = subprocess.run(
        command, cwd=REPOSITORY, env=OURS, check=False, capture_output=True, text=True, timeout=DEADLINE_SECONDS
    )
    assert ended.stdout, ended.stderr
    result = json.loads(ended.stdout)
    wrong = {name: result[name] for name in MUST_BE_ZERO if result[name]}
    assert not wrong, f"{result}\n{ended.stderr}"  # its last line is where everything of the run is
    assert result["faults"].keys() == set(KINDS)
    assert result["accepted"] > 0.8 * SECONDS * RATE
    assert result["trades"] > result["recorded"] / 4


def skip_where_no_server_can_run() -> None:
    """A laptop without a server for its processor skips this, with the reason; CI fails."""
    from cli.embedded.postgres import prepare_postgres

    try:
        with open_directory() as directory:
            prepare_postgres(directory / "postgres", directory / "log")
    except EmbeddedServerError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
