"""Whom webhook URLs belong to, as last read; whoever stores an alert by it checks that it is still so."""

from threading import Lock

from shared.intake.addressees import Addressee, find_addressee
from shared.intake.contract_cache import ContractCache
from shared.store.alert_targets import AlertTarget, find_target_by_name
from shared.store.contracts import ContractsInForce
from shared.store.database import Connection

MOST_KNOWN = 20_000


class NotKnown(LookupError):
    """What an alert is to be read by was not looked up yet."""


class KnownAddressees:
    """Holds addressees by the hash of their token and recorders by name; threads share it."""

    def __init__(self, contracts: ContractCache) -> None:
        self._contracts = contracts
        self._by_token: dict[bytes, Addressee] = {}
        self._by_name: dict[tuple[int, str], AlertTarget] = {}
        self._lock = Lock()

    def recall(self, hashed_token: bytes) -> Addressee:
        """Return the addressee; raises NotKnown."""
        try:
            return self._by_token[hashed_token]
        except KeyError as error:
            raise NotKnown from error

    def recall_named(self, user_id: int, name: str) -> AlertTarget:
        """Return the user's recorder of this name; raises NotKnown."""
        try:
            return self._by_name[user_id, name]
        except KeyError as error:
            raise NotKnown from error

    def recall_contracts(self, target: AlertTarget) -> ContractsInForce:
        """Return the contracts that the target's user had when it was looked up; raises NotKnown."""
        kept = self._contracts.kept(target)
        if kept is None:
            raise NotKnown
        return kept

    def learn(self, connection: Connection, hashed_token: bytes) -> Addressee | None:
        """Look an addressee up; None for nobody."""
        found = find_addressee(connection, hashed_token)
        with self._lock:
            _make_room(self._by_token)
            if found is not None:
                self._by_token[hashed_token] = found
        return found

    def learn_named(self, connection: Connection, user_id: int, name: str) -> AlertTarget | None:
        """Look up the user's recorder of this name."""
        found = find_target_by_name(connection, user_id, name)
        with self._lock:
            _make_room(self._by_name)
            if found is not None:
                self._by_name[user_id, name] = found
        return found

    def forget(self, hashed_token: bytes, target: AlertTarget) -> None:
        """Have these looked up anew."""
        with self._lock:
            self._by_token.pop(hashed_token, None)
            self._by_name.pop((target.user_id, target.settings.name), None)


def _make_room(known: dict[bytes, Addressee] | dict[tuple[int, str], AlertTarget]) -> None:
    if len(known) >= MOST_KNOWN:
        known.clear()
