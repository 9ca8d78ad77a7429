"""What each service costs while there is nothing to do: no recorder, no position, no symbol that anybody needs."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import psutil

from cli.bench.results import RATIO, Goal, Result
from cli.bench.run import Run
from cli.bench.stand import Stand, open_stand, wait_until
from cli.embedded.server import free_port
from cli.processes import Process
from cli.web_client import is_alive

# What each of them has loaded once it runs.
MODULES = {
    "web": ("services.web.__main__", "services.web.app", "services.web.doors"),
    "price-feed": ("services.price_feed.feed", "services.price_feed.sources.venues"),
    "recorder-worker": ("services.recorder_worker.__main__",),
    "tpsl-worker": ("services.tpsl_worker.__main__",),
}
MEGABYTE = 1 << 20
GOALS = (Goal(figure=RATIO, most=1.3), Goal(figure="cpu_percent", most=1))


def measure(run: Run) -> Iterator[Result]:
    """Run all services and for each a bare process with its modules, and look at them after a while."""
    port = free_port()
    variables = {"PORT": str(port), "FEED": "coinbase"}
    with open_stand() as stand, ExitStack() as running:
        services = {name: running.enter_context(stand.service(name, **variables)) for name in MODULES}
        bare = {
            name: running.enter_context(
                stand.process(f"bare-{name}", "-m", "cli.bench.bare_process", "cli.main", *modules)
            )
            for name, modules in MODULES.items()
        }
        wait_until(lambda: is_alive(port) and _all_beat(stand), "a sign of life of every service")
        run.say("letting the services settle")
        time.sleep(run.size(10, smoke=1))
        seconds = run.size(20, smoke=1)
        cpu = _cpu_percent(list(services.values()), seconds)
        for (name, service), percent in zip(services.items(), cpu, strict=True):
            yield Result(
                case=name,
                figures={"megabytes": _megabytes(service), "cpu_percent": percent},
                baseline={"megabytes": _megabytes(bare[name])},
                goals=GOALS,
            )


def _all_beat(stand: Stand) -> bool:
    return all(stand.heartbeats(name) for name in ("price_feed", "recorder_worker", "tpsl_worker"))


def _cpu_percent(services: Sequence[Process], seconds: float) -> list[float]:
    before = [_cpu_seconds(service) for service in services]
    time.sleep(seconds)
    return [100 * (_cpu_seconds(service) - cpu) / seconds for service, cpu in zip(services, before, strict=True)]


def _cpu_seconds(service: Process) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in _tree(service))


def _megabytes(service: Process) -> float:
    """Add up the memory of a service's processes, each page divided by how many processes have it."""
    infos = (process.memory_full_info() for process in _tree(service))
    return float(sum(getattr(info, "pss", info.uss) for info in infos)) / MEGABYTE


def _tree(service: Process) -> list[psutil.Process]:
    process = psutil.Process(service.pid)
    return [process, *process.children(recursive=True)]
