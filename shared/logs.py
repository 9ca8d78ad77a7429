"""One line per event: a constant name and fields; key=value on a terminal, JSON anywhere else."""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TextIO

FIELDS = "event_fields"

_as_json = json.JSONEncoder(default=str, ensure_ascii=False).encode


def log_event(logger: logging.Logger, event: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Log `event`, a constant name, with its fields: ids, numbers and durations, never tokens or whole objects."""
    logger.log(level, event, extra={FIELDS: fields})


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Send everything from `level` up to the stream (standard error), in the form that its reader wants."""
    target = stream if stream is not None else sys.stderr
    handler = logging.StreamHandler(target)
    handler.setFormatter(TerminalLines() if target.isatty() else JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # No line says where in the code it was written, nor by which process or thread: finding that out took longer.
    logging._srcfile = None  # noqa: SLF001 - as the manual of logging advises
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


class TerminalLines(logging.Formatter):
    """`10:15:30.123 INFO recorder_worker signal_recorded signal_id=7 milliseconds=3`."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line, followed by the traceback if there is one."""
        moment = datetime.fromtimestamp(record.created).astimezone()
        fields = "".join(f" {key}={_bare(value)}" for key, value in _fields(record).items())
        line = f"{moment:%H:%M:%S.%f}"[:-3] + f" {record.levelname} {record.name} {_bare_event(record)}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(logging.Formatter):
    """One JSON object a line; a traceback is a field of it."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line; what JSON does not know is written as its text."""
        line: dict[str, object] = {
            "time": f"{_second(int(record.created))}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {key: value for key, value in _fields(record).items() if key not in line}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _as_json(line)


@lru_cache(maxsize=4)  # thousands of exits may be told in one second
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()[: -len("+00:00")]


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    fields: Mapping[str, object] = getattr(record, FIELDS, {})
    return fields


def _bare_event(record: logging.LogRecord) -> str:
    return record.getMessage().replace("\n", "\\n")


def _bare(value: object) -> str:
    text = str(value)
    needs_quotes = not text or any(character.isspace() or character in '"=' for character in text)
    return json.dumps(text, ensure_ascii=False) if needs_quotes else text
