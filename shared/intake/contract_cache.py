"""Each user's contracts, kept between webhooks for as long as nobody adds one."""

from shared.store.alert_targets import AlertTarget
from shared.store.contracts import ContractsInForce, contracts_in_force
from shared.store.database import Connection

MOST_USERS = 1_000


class ContractCache:
    """Holds one state of the table for each user; threads may share it, at worst two load the same."""

    def __init__(self) -> None:
        self._states: dict[int, tuple[int, ContractsInForce]] = {}

    def kept(self, target: AlertTarget) -> ContractsInForce | None:
        """Return the contracts of the target's user if they are at hand."""
        version, kept = self._states.get(target.user_id, (None, None))
        return kept if version == target.contracts_version else None

    def contracts(self, connection: Connection, target: AlertTarget) -> ContractsInForce:
        """Return the contracts of the target's user, loading them if need be."""
        kept = self.kept(target)
        if kept is not None:
            return kept
        loaded = contracts_in_force(connection, target.user_id)
        if len(self._states) >= MOST_USERS:
            self._states.clear()
        self._states[target.user_id] = (target.contracts_version, loaded)
        return loaded
