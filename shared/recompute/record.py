"""What the database has of a recorder, as its recomputing needs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from shared.domain.contracts import Contract
from shared.domain.corrections import Correction
from shared.domain.recorder_settings import RecorderSettings
from shared.recompute.past import Past, load_pasts
from shared.recompute.starts import Start, first_sequence, needed_positions
from shared.store.audit_rows import Opening, RecordedPosition, load_applied, load_recorded
from shared.store.contracts import load_contracts
from shared.store.corrections import load_corrections
from shared.store.settings_versions import load_settings_versions
from shared.store.signals import LoggedSignal


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """One recorder's record; `recorded`, `settings` and `contracts` by id, of others too."""

    openings: Sequence[Opening]
    recorded: Mapping[int, RecordedPosition]
    signals: Sequence[LoggedSignal]
    settings: Mapping[int, RecorderSettings]
    contracts: Mapping[int, Contract]
    contract_ids: Mapping[Contract, int]
    past: Past
    corrections: Sequence[Correction] = field(default=())


def load_records(
    connection: Connection,
    openings: Mapping[int, Sequence[Opening]],
    starts: Mapping[int, Mapping[str, Start]],
    *,
    at_latest: int | None = None,
) -> dict[int, StoredRecord]:
    """Load recorders' records from the signals on with which they start, or from the one numbered `at_latest`."""
    recorded = load_recorded(connection, [needed for found in starts.values() for needed in needed_positions(found)])
    firsts = {recorder_id: first_sequence(found) for recorder_id, found in starts.items()}
    if at_latest is not None:
        firsts = {recorder_id: min(first, at_latest) for recorder_id, first in firsts.items()}
    signals = load_applied(connection, firsts)
    rows = [row for of_each in signals.values() for row in of_each]
    settings = load_settings_versions(connection, {row.settings_id for row in rows})
    pasts = load_pasts(connection, signals, settings, firsts)
    wanted = {row.contract_id for row in rows if row.contract_id is not None}
    contracts = load_contracts(connection, wanted | {each.row["contract_id"] for each in recorded.values()})
    corrections = load_corrections(connection, starts)
    return {
        recorder_id: StoredRecord(
            openings=openings.get(recorder_id, ()),
            recorded=recorded,
            signals=signals[recorder_id],
            settings=settings,
            contracts=contracts,
            contract_ids={contract: contract_id for contract_id, contract in contracts.items()},
            past=pasts[recorder_id],
            corrections=corrections[recorder_id],
        )
        for recorder_id in starts
    }
