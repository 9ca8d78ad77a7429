"""Alerts on their way to positions: who sends them, and when their positions are known to be committed."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Self

from sqlalchemy import func, select

from cli.bench.alerts import CLOSE, alerts, send
from cli.bench.http_load import Address, Request
from cli.bench.stand import BenchFailed, Stand, wait_until
from cli.bench.web_services import serving
from shared.bus.announcements import PositionAnnouncements
from shared.store.tables import recorded_signals, recorder_positions, recorders

QUIET_SECONDS = 0.3


class Commits:
    """Notes when positions of each recorder were announced, which follows their commit; by time.perf_counter."""

    def __init__(self, redis_url: str) -> None:
        self.seen: list[tuple[int, float]] = []
        self._announcements = PositionAnnouncements(redis_url)
        self._closing = Event()
        self._thread = Thread(target=self._listen, name="commits")

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._announcements.next_batch(0)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no longer."""
        self._closing.set()
        self._thread.join()
        self._announcements.close()

    def _listen(self) -> None:
        while not self._closing.is_set():
            changes = self._announcements.next_batch(QUIET_SECONDS)
            now = time.perf_counter()
            self.seen += [(change.recorder_id, now) for change in changes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A system that records: where its alerts go, and the commits that are seen."""

    stand: Stand
    web: Address
    commits: Commits

    def wait_for(self, count: int) -> list[float]:
        """Wait until so many changes were announced; returns when each was."""
        wait_until(lambda: len(self.commits.seen) >= count, f"the announcement of {count} positions")
        return [at for _, at in self.commits.seen]


@contextmanager
def recording(stand: Stand, *, workers: int = 1) -> Iterator[Recording]:
    """Run all services on the simulated market, with so many recorder workers, for the length of a `with` block."""
    with ExitStack() as services:
        for number in range(workers):
            services.enter_context(stand.process(f"worker-{number}", "-P", "-m", "cli.main", "recorder-worker"))
        services.enter_context(stand.service("price-feed", FEED="simulated"))
        services.enter_context(stand.service("tpsl-worker"))
        web = services.enter_context(serving(stand))
        commits = services.enter_context(Commits(stand.settings.redis_url))
        wait_until(lambda: len(stand.redis.hgetall("services")) >= workers + 2, "the start of all services")
        yield Recording(stand=stand, web=web, commits=commits)


def recorder_ids(stand: Stand) -> list[int]:
    """Return the ids of all recorders, in the order in which they were added."""
    with stand.engine.connect() as connection:
        return list(connection.execute(select(recorders.c.id).order_by(recorders.c.id)).scalars())


def acquaint(system: Recording, tokens: Sequence[str]) -> None:
    """Send each recorder an alert that closes nothing, so that nothing is done for the first time afterwards."""
    requests = [Request(sent=each) for each in alerts(system.web, tokens, count=len(tokens), action=CLOSE)]
    send(system.web, requests, connections=8)
    wait_until(lambda: count_signals(system.stand).get("ignored") == len(tokens), "the end of the first alerts")


def expect_recorded(stand: Stand, count: int) -> None:
    """Raise BenchFailed unless so many signals were recorded, each with a position of its own, and none waits."""
    with stand.engine.connect() as connection:
        positions = connection.execute(select(func.count()).select_from(recorder_positions)).scalar_one()
    signals = count_signals(stand)
    if signals.get("recorded") != count or positions != count or "accepted" in signals:
        raise BenchFailed(f"{count} alerts were sent, of which became {signals} and {positions} positions")


def count_signals(stand: Stand) -> dict[str, int]:
    """Count the signals in each state."""
    status = recorded_signals.c.status
    with stand.engine.connect() as connection:
        return dict(connection.execute(select(status, func.count()).group_by(status)).tuples().all())
