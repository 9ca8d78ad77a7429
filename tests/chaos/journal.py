"""What the senders did and what they were told: a line of JSON for each attempt, kept in memory for the checks, too."""

import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.chaos.http import OK, REFUSED, SILENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request with an alert; `sending` counts the times that its bytes were sent on purpose. Times are Unix."""

    tag: str
    recorder: int
    identified: bool
    sending: int
    web: int
    sent_at: float
    answered_at: float
    outcome: str
    signal_id: int | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether the sender was told that all is well."""
        return self.outcome == str(OK)

    @property
    def may_be_stored(self) -> bool:
        """Whether it left this side: what was not answered with a refusal of its meaning may have been stored."""
        return self.outcome not in {REFUSED, "404", "413", "422", "429"}

    @property
    def is_silent(self) -> bool:
        """Whether no answer came in time."""
        return self.outcome == SILENT

    @property
    def milliseconds(self) -> float:
        """How long the sender waited."""
        return (self.answered_at - self.sent_at) * 1000


class Journal:
    """Where attempts and whatever else happens are written down as it happens."""

    def __init__(self, path: Path) -> None:
        self.attempts: list[Attempt] = []
        self._by_tag: dict[str, list[Attempt]] = defaultdict(list)
        self.events: list[dict[str, object]] = []
        self._file = path.open("w", encoding="utf-8", buffering=1)

    def of_tag(self, tag: str) -> list[Attempt]:
        """The attempts with an alert so far."""
        return self._by_tag[tag]

    def attempted(self, attempt: Attempt) -> None:
        """Write down an attempt."""
        self.attempts.append(attempt)
        self._by_tag[attempt.tag].append(attempt)
        self._write(asdict(attempt))

    def happened(self, **event: object) -> None:
        """Write down anything else."""
        self.events.append(event)
        self._write(event)

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def _write(self, line: object) -> None:
        self._file.write(f"{json.dumps(line, default=str)}\n")
