"""Each folder beside this file is a case: what went in, what must come out, and in README.md why.

`expected.json` was worked out by hand from docs/semantics.md. It names what the case is about: a field that a row
does not name is not looked at, a `reason` or `note` need only occur in the one given, a null says that there is none.
The number and the order of rows count.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.replay import replay_files

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.glob("*/expected.json"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_replay_is_as_worked_out_by_hand(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text())
    found = replay_files(case / "ticks.csv", case / "signals.jsonl", case / "settings.json")
    assert {kind: differences(rows, found[kind]) for kind, rows in expected.items()} == {
        kind: [] for kind in ("signals", "trades", "positions")
    }


def test_every_case_is_whole() -> None:
    whole = {"README.md", "expected.json", "settings.json", "signals.jsonl", "ticks.csv"}
    assert {case.name: {path.name for path in case.iterdir()} for case in CASES} == dict.fromkeys(
        (case.name for case in CASES), whole
    )


def differences(expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[str]:
    """Say in which row which field is not as expected."""
    if len(expected) != len(found):
        return [f"{len(expected)} rows expected, {len(found)} found: {found}"]
    return [
        f"row {number}: {field} is {row.get(field)!r}, expected {value!r}"
        for number, (named, row) in enumerate(zip(expected, found, strict=True), start=1)
        for field, value in named.items()
        if not agrees(field, value, row)
    ]


def agrees(field: str, value: object, row: dict[str, Any]) -> bool:
    if field in {"reason", "note"}:
        said = row.get(field)
        return said is None if value is None else str(value) in (said or "")
    return field in row and row[field] == value and type(row[field]) is type(value)
