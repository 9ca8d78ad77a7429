"""Every bench runs small, and prints figures that can be true."""

import json
import math
import subprocess
import sys
from typing import Any

import pytest

from cli.bench.benches import NAMES

PATIENCE_SECONDS = 60


@pytest.mark.parametrize("name", NAMES)
def test_a_smoke_run_prints_the_figures_of_each_case(name: str) -> None:
    command = [sys.executable, "-m", "cli.main", "bench", name, "--smoke"]

    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)

    assert ran.returncode == 0, ran.stderr
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert lines
    for line in lines:
        assert_plausible(line, name)
        assert line["case"] in ran.stderr, "the table shows every case"


def assert_plausible(line: dict[str, Any], name: str) -> None:
    assert line["bench"] == name
    assert line["met"] is None, "small sizes are no measure"
    assert line["figures"]
    for figure, value in {**line["figures"], **line["baseline"]}.items():
        assert math.isfinite(value), figure
        assert value >= 0, figure
    for figure in line["baseline"]:
        assert figure in line["figures"]
    for goal in line["goals"]:
        assert goal.split(" ")[0] in {"ratio", *line["figures"]}
    if line["baseline"]:
        assert line["ratio"] > 0
