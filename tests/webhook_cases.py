"""The collected webhook bodies and what they mean, where that collection lies beside the project."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).resolve().parents[2] / "shared" / "data" / "webhooks.jsonl"
RECORDER_SYMBOL = "MNQ1!"

needs_webhook_cases = pytest.mark.skipif(
    not FILE.is_file(), reason=f"NOT CHECKED: the collected webhook bodies are not there ({FILE})"
)


@dataclass(frozen=True)
class WebhookCase:
    """A body and its meaning; `expect` has symbol, price and quantity_after, or status and why."""

    name: str
    body: str
    expect: dict[str, Any]


def webhook_cases() -> list[WebhookCase]:
    """Read every case; without the file there are none."""
    if not FILE.is_file():
        return []
    lines = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    return [WebhookCase(name=line["id"], body=line["body"], expect=line["expect"]) for line in lines if "id" in line]
