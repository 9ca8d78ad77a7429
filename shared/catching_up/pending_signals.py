"""Pending rows read as the signals they were accepted as, under the settings and contract in force then."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import redis
from sqlalchemy import Connection

from shared.accepted_signals import read_accepted
from shared.bus.tick_log import last_place
from shared.bus.waiting_bodies import count_waiting
from shared.domain.application import AcceptedSignal
from shared.domain.contracts import Contract
from shared.domain.places import SEQUENCE_BITS
from shared.domain.refusals import SignalRefused
from shared.domain.timestamps import NS_PER_MS, from_datetime
from shared.store.contracts import load_contracts
from shared.store.settings_versions import load_settings_versions
from shared.store.signals import CORRECTION, PendingSignal, SignalOutcome, load_pending


class AlertsWait(Exception):
    """Alerts that have to be stored first wait in Redis: they may come before signals up to the id `through`."""

    def __init__(self, through: int) -> None:
        super().__init__()
        self.through = through


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingSignals:
    """What waits to be applied, by recorder in the order of acceptance.

    `numbers` are those that signals get in their recorder's log, by id, and `counts` how many each recorder then took.
    `refused` are those that no longer parse, `prices` the market's last price at a place by symbol. A recorder's
    signals end before its first correction, which is the one in `corrections`.
    """

    by_recorder: dict[int, list[AcceptedSignal]] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    refused: list[SignalOutcome] = field(default_factory=list)
    prices: dict[tuple[str, int], Decimal] = field(default_factory=dict)
    contract_ids: dict[Contract, int] = field(default_factory=dict)
    corrections: dict[int, PendingSignal] = field(default_factory=dict)

    @property
    def symbols(self) -> set[str]:
        """The symbols that signals name."""
        return {each.symbol for signals in self.by_recorder.values() for each in signals if each.symbol}

    @property
    def whole(self) -> list[int]:
        """The recorders of which all that they hold matters."""
        return [each for each, signals in self.by_recorder.items() if any(map(concerns_all, signals))]


def concerns_all(accepted: AcceptedSignal) -> bool:
    """Tell whether what becomes of a signal depends on all that its recorder holds."""
    return accepted.symbol is None or accepted.settings.max_daily_loss > 0


def read_pending(
    connection: Connection, log: redis.Redis, taken: Mapping[int, int], *, settled_through: int
) -> PendingSignals:
    """Load the pending signals of some recorders, whose rows the caller has locked, and who `taken` so many so far.

    A signal without a place may have passed alerts that wait in Redis: then this raises AlertsWait,
    unless they were stored since then for signals up to `settled_through`.
    """
    rows = load_pending(connection, taken)
    unsure = [row.id for row in rows if row.place is None and row.id > settled_through]
    if unsure:
        if count_waiting(log):
            raise AlertsWait(max(unsure))
        rows = load_pending(connection, taken)  # what somebody has stored since we read
    pending = PendingSignals()
    if not rows:
        return pending
    settings = load_settings_versions(connection, {row.settings_id for row in rows})
    contracts = load_contracts(connection, {row.contract_id for row in rows if row.contract_id is not None})
    pending.contract_ids.update({contract: contract_id for contract_id, contract in contracts.items()})
    end = last_place(log) if any(row.place is None for row in rows) else 0
    for row in rows:
        if row.signal_type == CORRECTION:
            pending.corrections.setdefault(row.recorder_id, row)
        if row.recorder_id in pending.corrections:
            continue
        place = _place(row, end)
        number = pending.counts.get(row.recorder_id, taken[row.recorder_id]) + 1
        pending.counts[row.recorder_id] = pending.numbers[row.id] = number
        if row.market_price is not None and row.ticker is not None:
            pending.prices[row.ticker, place] = row.market_price
        try:
            accepted = read_accepted(row, place, settings, contracts)
        except SignalRefused as refusal:
            pending.refused.append(
                SignalOutcome(
                    id=row.id, sequence=number, status="rejected", reason=refusal.reason, note=None, place=place
                )
            )
        else:
            pending.by_recorder.setdefault(row.recorder_id, []).append(accepted)
    return pending


def _place(row: PendingSignal, end: int) -> int:
    """Return the place at acceptance; if the log was away then, behind every tick whose stream time is not later.

    Never beyond the end of the log: ticks that are still to come would be taken for counted.
    """
    if row.place is not None:
        return row.place
    milliseconds = from_datetime(row.received_at) // NS_PER_MS
    return min(((milliseconds + 1) << SEQUENCE_BITS) - 1, end)
