"""Log lines: one event a line, readable by a person on a terminal and by a program elsewhere."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from decimal import Decimal

import pytest

from shared.logs import configure_logging, log_event

logger = logging.getLogger("recorder.test")


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture(autouse=True)
def root_logger_is_put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_a_program_reads_one_json_object_a_line() -> None:
    stream = io.StringIO()
    configure_logging("INFO", stream)

    log_event(logger, "signal_recorded", signal_id=7, price=Decimal("21400.25"), note="two\nlines")

    (line,) = stream.getvalue().splitlines()
    written = json.loads(line)
    assert written.pop("time").endswith("Z")
    assert written == {
        "level": "info",
        "logger": "recorder.test",
        "event": "signal_recorded",
        "signal_id": 7,
        "price": "21400.25",
        "note": "two\nlines",
    }


def test_a_person_reads_key_and_value() -> None:
    stream = Terminal()
    configure_logging("INFO", stream)

    log_event(logger, "signal_recorded", level=logging.WARNING, signal_id=7, reason="already there", empty="", zero=0)

    (line,) = stream.getvalue().splitlines()
    assert line.endswith(
        ' WARNING recorder.test signal_recorded signal_id=7 reason="already there" empty="" zero=0',
    )


def test_a_line_break_in_a_value_or_message_starts_no_new_line() -> None:
    stream = Terminal()
    configure_logging("INFO", stream)

    log_event(logger, "signal_refused", reason="a\nb")
    logger.info("a library says\n%s", "this")

    assert len(stream.getvalue().splitlines()) == 2


def test_what_lies_below_the_level_is_left_out() -> None:
    stream = io.StringIO()
    configure_logging("WARNING", stream)

    log_event(logger, "heartbeat_written")

    assert stream.getvalue() == ""


def test_a_field_never_overwrites_the_event_itself() -> None:
    stream = io.StringIO()
    configure_logging("INFO", stream)

    log_event(logger, "contract_added", time="09:30")

    assert json.loads(stream.getvalue())["time"] != "09:30"


def test_a_traceback_is_a_field_of_the_same_line() -> None:
    stream = io.StringIO()
    configure_logging("INFO", stream)

    try:
        raise ValueError("no such place")  # noqa: TRY301 - the test needs a live traceback
    except ValueError:
        logger.exception("fold_failed")

    (line,) = stream.getvalue().splitlines()
    assert "ValueError: no such place" in json.loads(line)["exception"]


def test_standard_error_is_where_it_goes(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO")

    log_event(logger, "service_started")

    captured = capsys.readouterr()
    assert "service_started" in captured.err
    assert captured.out == ""
    assert sys.stderr is not sys.__stderr__  # the line above proves nothing unless pytest captured it
