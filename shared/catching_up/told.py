"""Says what was committed: to who listens, and in the log."""

import logging
from collections.abc import Iterable, Sequence

import redis

from shared.bus.announcements import PositionChange, announce_positions
from shared.bus.connection import BusError
from shared.domain.application import INTERNAL_ERROR
from shared.domain.fold import Verdict
from shared.logs import log_event
from shared.store.fold_results import WrittenPosition

logger = logging.getLogger(__name__)


def change_of(written: WrittenPosition) -> PositionChange:
    """Describe a position that was written, for `announce`."""
    folded = written.folded
    return PositionChange(
        recorder_id=folded.recorder_id,
        position_id=written.id,
        symbol=folded.position.symbol,
        version=folded.stored.version + 1 if folded.stored else 1,
        is_open=folded.position.is_open,
    )


def announce(log: redis.Redis, changes: Sequence[PositionChange]) -> None:
    """Tell who listens which positions changed."""
    if not changes:
        return
    try:
        announce_positions(log, changes)
    except BusError as error:  # all is committed, and who listens also looks for itself
        log_event(logger, "announcement_lost", level=logging.WARNING, reason=str(error))


def log_results(verdicts: Iterable[Verdict], written: Iterable[WrittenPosition], seconds: float) -> None:
    """Write a line for each signal and each exit."""
    milliseconds = round(seconds * 1000, 1)
    for verdict in verdicts:
        applied = verdict.applied
        failed = applied.reason is not None and applied.reason.startswith(INTERNAL_ERROR)
        log_event(
            logger,
            f"signal_{applied.status}",
            level=logging.ERROR if failed else logging.INFO,
            signal_id=verdict.accepted.id,
            reason=applied.reason,
            milliseconds=milliseconds,
        )
    for each in written:
        for trade in each.folded.position.trades:
            log_event(
                logger,
                "trade_closed",
                position_id=each.id,
                lot=trade.lot,
                reason=trade.exit_reason,
                milliseconds=milliseconds,
            )
