"""Plays a CSV file of ticks; which contracts its symbols are is not its business."""

from collections.abc import Iterator
from pathlib import Path

from shared.domain.quotes import Gap, Quote, Roll, SourceMessage
from shared.ticks_file import TickRow, read_ticks_file


def replayed_messages(path: Path) -> Iterator[SourceMessage]:
    """Read the file as it goes; raises TicksFileError where it is damaged."""
    return map(_message, read_ticks_file(path))


def _message(row: TickRow) -> SourceMessage:
    if row.gap_seconds is not None:
        return Gap(symbol=row.symbol, occurred_at=row.occurred_at, gap_seconds=row.gap_seconds)
    if row.roll is not None:
        return Roll(symbol=row.symbol, occurred_at=row.occurred_at, difference=row.roll)
    if row.price is None:
        message = f"line {row.line} has neither a price nor a mark"
        raise AssertionError(message)
    return Quote(
        symbol=row.symbol, occurred_at=row.occurred_at, price=row.price, bid=row.bid, ask=row.ask, size=row.size
    )
