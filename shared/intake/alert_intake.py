"""Takes alerts: Postgres stores them, many in one commit; while it is away, Redis keeps them for it in their order."""

import asyncio
import logging
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TypeVar

from shared.bus.intake import IntakeBus, Standing
from shared.bus.waiting_bodies import AlertBody
from shared.intake.acceptance import ACCEPTED, Acceptance
from shared.intake.alert_store import AcceptedAlert, AlertStore
from shared.intake.group_commit import GroupCommit
from shared.logs import log_event
from shared.store.database import DATABASE_LOST
from shared.store.signal_intake import StoredSignal

MOST_AT_ONCE = 200
APART_AT_ONCE = 8  # of alerts that are looked at one by one; whoever waits for a connection does not wait for long

logger = logging.getLogger(__name__)

Asked = TypeVar("Asked")
Told = TypeVar("Told")


class NotStored(Enum):
    """What became of an alert that Postgres has no row of."""

    KEPT = auto()  # by Redis
    LOST = auto()  # neither took it
    FOR_NOBODY = auto()
    OVER_THE_LIMIT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The row that stands for an alert, and the recorder it is for, if any."""

    signal: StoredSignal
    recorder_id: int | None


class AlertsWait(Exception):
    """Alerts that came before wait in Redis, so that Postgres is not asked."""


class AlertIntake:
    """Takes the alerts of one process on its event loop; whoever has to be waited for is asked in threads."""

    def __init__(self, store: AlertStore, bus: IntakeBus, *, allows: Callable[[Hashable], bool]) -> None:
        """Take no more alerts of a recorder than the limit allows."""
        self._store = store
        self._bus = bus
        self._allows = allows
        self._apart = ThreadPoolExecutor(APART_AT_ONCE, thread_name_prefix="alert")
        together = ThreadPoolExecutor(1, thread_name_prefix="alerts")
        self._commits = GroupCommit(self._take_together, most=MOST_AT_ONCE, executor=together)

    async def take(self, alert: AlertBody) -> Stored | NotStored:
        """Store an alert; have Redis keep it if that fails, or if others wait there already, whom it must not pass."""
        try:
            acceptance = self._store.recall(alert) or await self._in_thread(self._look_up, alert)
            if acceptance is None:
                return NotStored.FOR_NOBODY
            if not self._allows((acceptance.row.user_id, acceptance.row.recorder_id)):
                return NotStored.OVER_THE_LIMIT
            accepted = AcceptedAlert(alert=alert, acceptance=acceptance)
            taken = await self._commits.take(accepted)
            return taken if taken is not None else await self._in_thread(self._store_anew, accepted)
        except AlertsWait:
            pass
        except DATABASE_LOST as error:
            _log_away(error)
        except Exception:
            logger.exception("webhook_failed")
        if not self._allows(alert.token_hash):
            return NotStored.OVER_THE_LIMIT
        return await self._in_thread(self._keep, alert)

    async def _in_thread(self, ask: Callable[[Asked], Told], about: Asked) -> Told:
        return await asyncio.get_running_loop().run_in_executor(self._apart, ask, about)

    def _look_up(self, alert: AlertBody) -> Acceptance | None:
        self._read_standing()
        return self._store.look_up(alert)

    def _take_together(self, accepted: Sequence[AcceptedAlert]) -> Sequence[Stored | NotStored | None]:
        """Take many at one place in the tick log; None for those that have to be looked at again, one by one."""
        try:
            standing = self._read_standing(*(each.acceptance.row.ticker for each in accepted))
            stored = self._store.store(accepted, standing)
        except AlertsWait:
            return [self._keep(*(each.alert for each in accepted))] * len(accepted)
        except DATABASE_LOST as error:
            _log_away(error)
            return [self._keep(*(each.alert for each in accepted))] * len(accepted)
        except Exception:
            logger.exception("webhooks_failed")
            return [None] * len(accepted)
        if standing is not None and any(each.status == ACCEPTED for each in stored.values()):
            self._bus.wake()
        return [_stored(each.acceptance, stored.get(each.alert.intake_id)) for each in accepted]

    def _store_anew(self, accepted: AcceptedAlert) -> Stored | NotStored:
        standing = self._read_standing(accepted.acceptance.row.ticker)
        stored = self._store.store_anew(accepted, standing)
        if stored is not None and stored.status == ACCEPTED and standing is not None:
            self._bus.wake()
        return _stored(accepted.acceptance, stored) or NotStored.FOR_NOBODY

    def _read_standing(self, *symbols: str | None) -> Standing | None:
        standing = self._bus.read_standing(*symbols)
        if standing is not None and standing.others_wait:
            raise AlertsWait
        return standing

    def _keep(self, *alerts: AlertBody) -> NotStored:
        """Let alerts wait in Redis. Whose they are, and whether they are signals, is found out when they are moved."""
        standing = self._bus.read_standing()
        if standing is None:
            return NotStored.LOST
        kept = self._bus.keep(*(replace(each, place=standing.place) for each in alerts))
        return NotStored.KEPT if kept else NotStored.LOST


def _stored(acceptance: Acceptance, signal: StoredSignal | None) -> Stored | None:
    return None if signal is None else Stored(signal=signal, recorder_id=acceptance.row.recorder_id)


def _log_away(error: Exception) -> None:
    log_event(logger, "database_away", level=logging.ERROR, reason=str(error).partition("\n")[0])
