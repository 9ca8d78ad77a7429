"""Each user's contracts, kept between webhooks for as long as nobody adds one."""

from shared.store.contracts import ContractsInForce, contracts_in_force
from shared.store.database import Connection

MOST_USERS = 1_000


class ContractCache:
    """Holds one state of the table for each user; threads may share it, at worst two load the same."""

    def __init__(self) -> None:
        self._states: dict[int, tuple[int, ContractsInForce]] = {}

    def contracts(self, connection: Connection, user_id: int, version: int) -> ContractsInForce:
        """Return the user's contracts as of `version` (`AlertTarget.contracts_version`), loading them if need be."""
        kept = self._states.get(user_id)
        if kept is not None and kept[0] == version:
            return kept[1]
        loaded = contracts_in_force(connection, user_id)
        if len(self._states) >= MOST_USERS:
            self._states.clear()
        self._states[user_id] = (version, loaded)
        return loaded
