"""This worker's share of the symbols in which positions are open: as many as the others have, give or take one."""

import logging
import time
from collections import Counter
from collections.abc import Collection

from shared.logs import log_event
from shared.store.database import DATABASE_LOST
from shared.store.symbol_leases import Leases, SymbolLeases

BEAT_EVERY_SECONDS = 0.5
SOONEST_BEAT_SECONDS = 0.1

logger = logging.getLogger(__name__)


class SymbolShare:
    """The symbols that this worker holds, and those that others hold, as of the last beat; used by one thread.

    They decide who works first, not who is right: two workers on one symbol do each other's work, exactly. So where
    the leases cannot be asked, what was known stays.
    """

    def __init__(self, leases: SymbolLeases) -> None:
        self._leases = leases
        self._beat_at = self._renew_at = self._soonest_beat_at = 0.0
        self.own: frozenset[str] = frozenset()
        self.others: frozenset[str] = frozenset()

    def beat_if_due(self, followed: Collection[str]) -> bool:
        """Look, give what is too much and take what is missing; whether it did. What is `followed` is not given up.

        Unless it is too much, a symbol stays ours while it is followed, with or without open positions.
        """
        now = time.monotonic()
        if now < self._beat_at:
            return False
        self._soonest_beat_at = now + SOONEST_BEAT_SECONDS
        self._beat_at = self._renew_at = now + BEAT_EVERY_SECONDS
        try:
            self._beat(followed)
        except DATABASE_LOST as error:
            log_event(logger, "leases_lost", level=logging.WARNING, reason=str(error))
            return False
        return True

    def beat_soon(self) -> None:
        """Have the next beat early: there is a symbol that nobody may have yet. Many such wishes are one beat."""
        self._beat_at = min(self._beat_at, self._soonest_beat_at)

    def renew_if_due(self) -> None:
        """Keep the leases in work that takes long."""
        if time.monotonic() < self._renew_at:
            return
        self._renew_at = time.monotonic() + BEAT_EVERY_SECONDS
        try:
            self._leases.renew()
        except DATABASE_LOST as error:
            log_event(logger, "leases_lost", level=logging.WARNING, reason=str(error))

    def close(self) -> None:
        """Let go of everything."""
        self._leases.close()

    def _beat(self, followed: Collection[str]) -> None:
        leases = self._leases.look()
        surplus, wanted = plan_share(leases)
        quiet = self.own - leases.holders.keys()
        done_with = quiet.difference(followed)
        self._leases.release({*surplus, *done_with})
        taken = self._leases.take(wanted)
        if len(taken) < len(wanted):
            self.beat_soon()
        ours = {symbol for symbol, holder in leases.holders.items() if holder == leases.me}
        theirs = {symbol for symbol, holder in leases.holders.items() if holder not in (None, leases.me)}
        self.own = frozenset((ours - set(surplus)) | taken | (quiet - done_with))
        self.others = frozenset(theirs | (set(wanted) - taken))


def plan_share(leases: Leases) -> tuple[list[str], list[str]]:
    """Return what to release and what to take of what is free.

    Where the symbols do not divide evenly, those who hold the most have one more, so that nothing moves without need.
    """
    held = Counter(leases.holders.values())
    ranked = sorted(leases.members, key=lambda member: (-held[member], member))
    each, left_over = divmod(len(leases.holders), len(ranked))
    quota = each + (ranked.index(leases.me) < left_over)
    ours = sorted(symbol for symbol, holder in leases.holders.items() if holder == leases.me)
    free = sorted(symbol for symbol, holder in leases.holders.items() if holder is None)
    return ours[quota:], free[: max(0, quota - len(ours))]
