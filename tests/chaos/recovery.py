"""How long it takes after something was put right until an alert is applied again, through each web."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from sqlalchemy import Engine, select

from shared.store.database import DATABASE_LOST
from shared.store.tables import recorded_signals
from tests.chaos.alerts import Alert
from tests.chaos.driver import Driver, Made
from tests.chaos.system import System

LOOK_EVERY_SECONDS = 0.1
GIVES_UP_AFTER_SECONDS = 60.0
LONG_SECONDS = 10.0
PROBES = -1  # what stands for their recorder in the journal


class Recovery:
    """Sends probes; the longest time of all is kept with what it was measured after."""

    def __init__(self, driver: Driver, system: System, engine: Engine, made: Made) -> None:
        self._driver = driver
        self._system = system
        self._engine = engine
        self._made = made
        self._numbers = itertools.count(1)
        self._applied: set[str] = set()
        self._waiting = 0
        self.longest_seconds = 0.0
        self.longest_after = ""
        self.measured = 0

    async def follow(self) -> None:
        """Keep which probes are applied, for all who wait for one, until cancelled."""
        while True:
            if self._waiting:
                with suppress(*DATABASE_LOST):
                    self._applied = await asyncio.to_thread(self._load_applied)
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def measure(self, cause: str, web: int, say: Callable[[str], None]) -> None:
        """Post a probe until it is taken, and wait until it is applied.

        A new outage makes the measurement void, unless it came so late that all should have been well by then.
        """
        began_at = time.monotonic()
        number = next(self._numbers)
        tag = f"chaos-probe-{number}"
        fields = {"action": "buy" if number % 2 else "sell", "id": tag}
        alert = Alert(at=0.0, tag=tag, recorder=PROBES, fields=fields, identified=True)
        body = alert.body(self._made.name, datetime.now(UTC), {})
        self._waiting += 1
        try:
            while not (await self._is_taken(alert, body, web) and tag in self._applied):
                seconds = time.monotonic() - began_at
                if seconds < LONG_SECONDS and self._is_hindered(web):
                    return
                if seconds > GIVES_UP_AFTER_SECONDS or self._is_hindered(web):
                    break
                await asyncio.sleep(LOOK_EVERY_SECONDS)
        finally:
            self._waiting -= 1
        seconds = time.monotonic() - began_at
        self._driver.journal.happened(recovered_after=cause, web=web, seconds=round(seconds, 2))
        self.measured += 1
        if seconds > self.longest_seconds:
            self.longest_seconds, self.longest_after = seconds, cause
            say(f"recovered {seconds:.1f} s after {cause}, by web {web}; the longest so far")

    async def _is_taken(self, alert: Alert, body: bytes, web: int) -> bool:
        if any(attempt.is_accepted for attempt in self._driver.journal.of_tag(alert.tag)):
            return True
        return (await self._driver.attempt(alert, self._made.path, body, 0, web)).is_accepted

    def _load_applied(self) -> set[str]:
        columns = recorded_signals.c
        statement = select(columns.raw_data).where(columns.recorder_id == self._made.id, columns.status != "accepted")
        with self._engine.connect() as connection:
            return {json.loads(body)["tag"] for body in connection.execute(statement).scalars()}

    def _is_hindered(self, web: int) -> bool:
        return bool(self._system.outages) or self._system.children[f"web-{web}"].down
