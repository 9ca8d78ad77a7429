"""Rows of signals read as the signals they were accepted as, for the fold."""

from collections.abc import Mapping

from shared.domain.application import AcceptedSignal
from shared.domain.contracts import Contract
from shared.domain.recorder_settings import RecorderSettings
from shared.domain.signals import parse_signal
from shared.domain.timestamps import from_datetime
from shared.store.signals import MANUAL, LoggedSignal, PendingSignal


def read_accepted(
    row: PendingSignal | LoggedSignal,
    place: int,
    settings: Mapping[int, RecorderSettings],
    contracts: Mapping[int, Contract],
) -> AcceptedSignal:
    """Read a row at a place, under the versions of settings and contract that it names, which are given by id.

    Raises SignalRefused where the rules of reading changed since it was accepted.
    """
    return AcceptedSignal(
        id=row.id,
        signal=parse_signal(row.raw_data),
        symbol=row.ticker,
        contract=None if row.contract_id is None else contracts[row.contract_id],
        settings=settings[row.settings_id],
        place=place,
        occurred_at=from_datetime(row.received_at),
        is_manual=row.signal_type == MANUAL,
    )
