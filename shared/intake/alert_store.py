"""Alerts on their way into Postgres: at once by what is known of their recorders, or one with another look at it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from shared.bus.intake import Standing
from shared.bus.waiting_bodies import AlertBody
from shared.intake.acceptance import Acceptance, Directory, accept_alert, placed
from shared.intake.addressees import Addressee
from shared.intake.contract_cache import ContractCache
from shared.intake.known_addressees import KnownAddressees, NotKnown
from shared.store.current_intake import CurrentAlert, store_current
from shared.store.database import Connection, Engine
from shared.store.signal_intake import StoredSignal, insert_signal


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedAlert:
    """A request and what was made of it."""

    alert: AlertBody
    acceptance: Acceptance


class AlertStore:
    """Accepts and stores alerts for one process, whose threads share it."""

    def __init__(self, engine: Engine) -> None:
        """Use an engine whose statements commit themselves."""
        self._engine = engine
        self._in_transaction = engine.execution_options(isolation_level="READ COMMITTED")
        self._contracts = ContractCache()
        self._known = KnownAddressees(self._contracts)

    def recall(self, alert: AlertBody) -> Acceptance | None:
        """Accept an alert by what is known of its recorder, without asking anybody; None where too little is."""
        known = self._known
        directory = Directory(find_named=known.recall_named, contracts_of=known.recall_contracts)
        try:
            return _accept(alert, known.recall(alert.token_hash), directory)
        except NotKnown:
            return None

    def look_up(self, alert: AlertBody) -> Acceptance | None:
        """Accept an alert by what its recorder is now; None if the token is nobody's."""
        with self._engine.connect() as connection:
            return self._look_up(connection, alert)

    def store(self, accepted: Sequence[AcceptedAlert], standing: Standing | None) -> dict[UUID, StoredSignal]:
        """Store at one place, in one commit, what is not stored yet and still as it was accepted; by request."""
        current = [
            CurrentAlert(
                signal=placed(each.acceptance.row, standing),
                hashed_token=each.alert.token_hash,
                contracts_version=target.contracts_version,
            )
            for each in accepted
            if (target := each.acceptance.target) is not None
        ]
        with self._engine.connect() as connection:
            return store_current(connection, current)

    def store_anew(self, accepted: AcceptedAlert, standing: Standing | None) -> StoredSignal | None:
        """Store an alert by what its recorder is now; None if the token is nobody's any more."""
        if accepted.acceptance.target is not None:
            self._known.forget(accepted.alert.token_hash, accepted.acceptance.target)
        with self._in_transaction.begin() as connection:
            current = self._look_up(connection, accepted.alert)
            return None if current is None else insert_signal(connection, placed(current.row, standing))

    def directory(self, connection: Connection) -> Directory:
        """Look up recorders and contracts on a connection, as they are now."""
        return Directory(
            find_named=partial(self._known.learn_named, connection),
            contracts_of=partial(self._contracts.contracts, connection),
        )

    def _look_up(self, connection: Connection, alert: AlertBody) -> Acceptance | None:
        addressee = self._known.learn(connection, alert.token_hash)
        return None if addressee is None else _accept(alert, addressee, self.directory(connection))


def _accept(alert: AlertBody, addressee: Addressee, directory: Directory) -> Acceptance:
    return accept_alert(addressee, alert.body, directory, received_at=alert.received_at, intake_id=alert.intake_id)
