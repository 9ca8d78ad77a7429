"""The files that a run keeps."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_json(path: Path, content: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write what may hold bodies, moments and decimals, too."""
    path.write_text(json.dumps(content, indent=1, default=_shown) + "\n", encoding="utf-8")


def _shown(value: object) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
