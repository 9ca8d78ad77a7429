"""One run: start everything, load it and break it, put it right, and hold what it recorded against what it was sent."""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shared.store.users import create_user
from shared.tokens import TokenCipher
from tests.chaos.alerts import plan_acts, plan_alerts
from tests.chaos.checker import accepted_alerts
from tests.chaos.driver import Driver
from tests.chaos.event_loop import EventLoop
from tests.chaos.faults import Saboteur
from tests.chaos.files import write_json
from tests.chaos.inspection import export, inspect
from tests.chaos.journal import Journal
from tests.chaos.market import write_market
from tests.chaos.options import Options
from tests.chaos.recovery import PROBES, Recovery
from tests.chaos.schedule import Fault
from tests.chaos.settling import drain, settle
from tests.chaos.system import SECRET_KEY, System
from tests.chaos.verdict import describe_latency, shortcomings

TICKS_PER_SECOND = 150.0
SECONDS_BESIDE_THE_LOAD = 120.0
ACTS_PER_SECOND = 1.5
EXITS_WITHIN_SECONDS = 6.0  # what the monitors of positions may need to notice what they missed

Json = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The JSON object of a run, what is wrong with it, and the directory if it was kept."""

    result: Json
    shortcomings: Sequence[str]
    directory: Path | None


def run_chaos(options: Options, say: Say) -> Outcome:
    """Run it from the start of the servers to the verdict."""
    directory = Path(tempfile.mkdtemp(prefix="trade-recorder-chaos-"))
    directory.chmod(0o711)  # as root, Postgres runs as another user
    say(f"everything of this run is in {directory}")
    with ExitStack() as stack:
        run = stack.enter_context(_running(directory, options, say))
        run.load()
        run.heal()
        result = run.check()
        wrong = shortcomings(result)
        if wrong or options.keep:
            run.export()
    if not wrong and not options.keep:
        shutil.rmtree(directory)
        return Outcome(result=result, shortcomings=(), directory=None)
    if not options.keep:
        for server in ("postgres", "redis"):
            shutil.rmtree(directory / server)
    return Outcome(result=result, shortcomings=wrong, directory=directory)


@contextmanager
def _running(directory: Path, options: Options, say: Say) -> Iterator["Run"]:
    with EventLoop() as loop:
        source = write_market(
            directory / "market.csv",
            seed=options.seed,
            seconds=options.seconds + SECONDS_BESIDE_THE_LOAD,
            ticks_per_second=TICKS_PER_SECOND,
        )
        say(f"the market is {source}")
        system = System(directory, directory / "market.csv")
        run = Run(system, loop, options, say)
        try:
            run.start()
            yield run
        finally:
            run.stop()


class Run:
    """The steps of a run, on a system that is started and stopped around them."""

    def __init__(self, system: System, loop: EventLoop, options: Options, say: Say) -> None:
        self._system = system
        self._loop = loop
        self._options = options
        self._directory = system.directory
        self._journal = Journal(system.directory / "journal.jsonl")
        self._faults = options.faults()
        self._began_at = time.monotonic()
        self._say_plainly = say
        self._not_drained = self._late_exits = 0
        self._measuring: list[Future[None]] = []

    def say(self, text: str) -> None:
        """Tell how it goes, with the seconds since the load began."""
        self._say_plainly(f"{time.monotonic() - self._began_at:6.1f} s  {text}")

    def start(self) -> None:
        """Start servers and services, and make the recorders."""
        options = self._options
        write_json(self._directory / "options.json", asdict(options))
        write_json(self._directory / "schedule.json", [asdict(fault) for fault in self._faults])
        self.say("starting servers and services")
        self._system.start()
        self._engine = self._system.engine()
        with self._engine.begin() as connection:
            user = create_user(connection, "trader", "chaos", TokenCipher(SECRET_KEY))
        self._driver = Driver(
            web_ports=self._system.web_ports,
            api_key=user.api_key,
            user_path=f"/webhook/{user.webhook_token}",
            journal=self._journal,
            seed=options.seed,
        )
        self.say(f"making {options.recorders} recorders")
        probed = self._loop.run(self._driver.make_recorders(options.recorders))
        self._recovery = Recovery(self._driver, self._system, self._engine, probed)
        self._loop.start(self._recovery.follow())
        self._saboteur = Saboteur(self._system, options.seed)

    def load(self) -> None:
        """Send everything and break everything at its time; returns when the last alert is settled."""
        options = self._options
        seed, seconds, recorders = options.seed, options.seconds, options.recorders
        alerts = plan_alerts(seed, seconds=seconds, rate=options.rate, recorders=recorders)
        rate = ACTS_PER_SECOND if options.acts else 0.0
        acts = plan_acts(seed, seconds=seconds, rate=rate, recorders=recorders)
        self._following = self._loop.start(self._driver.follow_redis(self._system.redis_url))
        self._began_at = time.monotonic()
        self.say(f"{len(alerts)} alerts, {len(acts)} acts, {len(self._faults)} faults are to come")
        sending = self._loop.start(self._driver.send_all(alerts, acts))
        for at, _, fault in sorted(_steps(self._faults), key=lambda step: step[:2]):
            self._wait_until(at)
            self._step(fault, begins=at == fault.at)
        self._wait_until(options.seconds)
        sending.result()
        self.say("the last alert is settled")
        write_json(self._directory / "cpu_seconds.json", self._system.cpu_seconds())

    def heal(self) -> None:
        """Let what is left be applied, end the market, and then take every position to the end of the log."""
        self._saboteur.close()
        self._measure("the end")
        for measured in self._measuring:
            measured.result()
        self._drain()
        self._following.cancel()
        self._system.stop_service("price_feed")
        time.sleep(EXITS_WITHIN_SECONDS)
        self._drain()
        for service in ("web", "recorder_worker", "tpsl_worker"):
            self._system.stop_service(service)
        self._late_exits = settle(self._engine, self._system.redis_url)

    def check(self) -> Json:
        """Hold everything against everything; returns what the run came to."""
        self.say("checking")
        attempts = self._journal.attempts
        self._found = inspect(self._system, self._engine, attempts, self.say)
        settled = {attempt.tag for attempt in attempts if attempt.is_accepted or attempt.outcome == "422"}
        return {
            "accepted": accepted_alerts(attempts),
            **self._found.counts(),
            "late_exits": self._late_exits,
            "not_drained": self._not_drained,
            "given_up": len({attempt.tag for attempt in attempts if attempt.recorder != PROBES} - settled),
            "faults": dict(Counter(fault.kind for fault in self._faults)),
            "longest_recovery_seconds": round(self._recovery.longest_seconds, 2),
            "longest_recovery_after": self._recovery.longest_after,
            "recoveries": self._recovery.measured,
            "latency": describe_latency(attempts, self._system.web_absences),
            "webhooks_per_second": round(sum(each.is_accepted for each in attempts) / self._options.seconds, 1),
            "seed": self._options.seed,
            "seconds": self._options.seconds,
        }

    def export(self) -> None:
        """Keep what was recorded, and the logs that it should follow from."""
        export(self._system, self._found)

    def stop(self) -> None:
        """End everything that was started."""
        self._system.stop()
        self._journal.close()

    def _step(self, fault: Fault, *, begins: bool) -> None:
        if begins:
            said = self._saboteur.begin(fault)
            self.say(f"{fault.kind} {said}".rstrip())
            self._journal.happened(fault=asdict(fault), began_at=time.time(), said=said)
        if not begins or not fault.seconds:
            self._end(fault)

    def _end(self, fault: Fault) -> None:
        self._saboteur.end(fault)
        self._journal.happened(fault=fault.kind, ended_at=time.time())
        self._measure(fault.kind)

    def _measure(self, cause: str) -> None:
        for web in range(len(self._system.web_ports)):
            measuring = self._recovery.measure(cause, web, self.say)
            self._measuring.append(self._loop.start(measuring))

    def _wait_until(self, at: float) -> None:
        time.sleep(max(0.0, self._began_at + at - time.monotonic()))

    def _drain(self) -> None:
        self._not_drained = drain(self._engine, self._system.redis_url)
        self.say(f"{self._not_drained} signals still wait" if self._not_drained else "all is applied")


def _steps(faults: Sequence[Fault]) -> Iterator[tuple[float, bool, Fault]]:
    for fault in faults:
        yield fault.at, True, fault
        if fault.seconds:
            yield fault.ends_at, False, fault
