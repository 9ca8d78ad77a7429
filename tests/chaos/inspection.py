"""What a run recorded, held against what it was sent, against the replay of the logs, and audited."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Engine

from shared.bus.connection import connect_redis
from tests.chaos.checker import Findings, SignalRow, check_alerts
from tests.chaos.comparison import Records, find_differences, load_records
from tests.chaos.files import write_json
from tests.chaos.journal import Attempt
from tests.chaos.system import System
from tests.chaos.verdict import count_outcomes

TAG = re.compile(rb"chaos-(?:probe-)?\d+")
EXPORTED = 10
LINES_SHOWN = 10

Json = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """All rows of the run and what is wrong with them; `differences` by recorder, `audited` lines of the audit."""

    records: Records
    findings: Findings
    differences: Mapping[str, Sequence[str]]
    audited: Sequence[str]

    def counts(self) -> Json:
        """What the JSON object of the run says of them."""
        return {
            **count_outcomes(row["status"] for row in self.records.all_signals),
            "lost": len(self.findings.lost),
            "applied_twice": len(self.findings.applied_twice),
            "out_of_order": len(self.findings.out_of_order),
            "differences": sum(map(len, self.differences.values())) + len(self.audited),
            "trades": sum(map(len, self.records.trades.values())),
            "manual_closes": self._count("manual"),
            "corrections": self._count("correction"),
        }

    def _count(self, signal_type: str) -> int:
        return sum(1 for row in self.records.all_signals if row["signal_type"] == signal_type)

    def show(self, say: Say) -> None:
        """Say the first lines of everything that is wrong."""
        findings = asdict(self.findings)
        for name in ("lost", "applied_twice", "out_of_order"):
            _show(say, name, findings[name])
        _show(say, "audit", self.audited)
        lines = [f"{name}: {line}" for name, lines in self.differences.items() for line in lines]
        _show(say, "differences", lines)


def inspect(system: System, engine: Engine, attempts: Sequence[Attempt], say: Say) -> Inspection:
    """Hold everything against everything, and write what was found to the run's directory."""
    records = load_records(engine)
    findings = check_alerts(attempts, list(_signal_rows(records)), records.signal_counts)
    differences = find_differences(records, connect_redis(system.redis_url, retries=False))
    found = Inspection(records=records, findings=findings, differences=differences, audited=_audit(system, say))
    report = {**asdict(findings), "differences": differences, "audit": found.audited}
    write_json(system.directory / "findings.json", report)
    found.show(say)
    return found


def export(system: System, found: Inspection) -> None:
    """Keep all rows, and the logs of recorders whose rows differ, as `recorder replay` reads them."""
    write_json(system.directory / "rows.json", asdict(found.records))
    for name in list(found.differences)[:EXPORTED]:
        out = system.directory / "exported" / name
        _recorder(system, "export-logs", "--recorder", name, "--out", str(out))


def _audit(system: System, say: Say) -> list[str]:
    audited = _recorder(system, "audit")
    say(f"recorder audit: {(audited.stdout or audited.stderr).splitlines()[-1:]}")
    if audited.returncode not in {0, 1}:
        return [f"`recorder audit` failed: {audited.stderr}"]
    return audited.stdout.splitlines()[:-1]  # the last one sums up


def _recorder(system: System, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "cli.main", *arguments]
    return subprocess.run(command, env=system.environment(), check=False, capture_output=True, text=True)


def _show(say: Say, name: str, lines: Sequence[str]) -> None:
    for line in lines[:LINES_SHOWN]:
        say(f"{name}: {line}")
    if len(lines) > LINES_SHOWN:
        say(f"{name}: {len(lines) - LINES_SHOWN} more")


def _signal_rows(records: Records) -> Iterator[SignalRow]:
    for row in records.all_signals:
        tag = TAG.search(row["raw_data"])
        yield SignalRow(
            id=row["id"],
            tag=tag[0].decode() if tag else None,
            recorder_id=row["recorder_id"],
            status=row["status"],
            sequence=row["sequence"],
        )
