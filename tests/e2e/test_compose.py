"""The stack of docker-compose.yml, brought up for real: an alert becomes a trade, what is killed comes back.

It builds the image and takes a minute or two, so it runs only when asked for: COMPOSE_TESTS=true make test.
"""

import itertools
import json
import os
import secrets
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

import pytest

from cli.embedded.server import free_port
from cli.web_client import is_ready

DEADLINE_SECONDS = 90.0
COMMAND_SECONDS = 600.0  # the first build fetches the images
REPOSITORY = Path(__file__).parents[2]
PROJECT = "trade-recorder-test"
ALL_OF_OURS = "kill -9 -1"  # whatever a container's init has started
KILLS = {
    "price_feed": ALL_OF_OURS,
    "recorder_worker": ALL_OF_OURS,
    "tpsl_worker": ALL_OF_OURS,
    "web": ALL_OF_OURS,
    "redis": "kill -TERM 1",  # a first process cannot be killed harder from within
    "postgres": "kill -QUIT 1",  # ends as in a crash
}
OF_THE_ENGINE = {"PATH", "HOME"}
pytestmark = pytest.mark.skipif(
    os.environ.get("COMPOSE_TESTS") != "true",
    reason="builds an image and starts seven containers: set COMPOSE_TESTS=true where a Docker engine runs",
)


class Stack:
    """The stack as a project of its own, with variables of its own."""

    def __init__(self, env_file: Path, port: int) -> None:
        self.port = port
        self._command = [*compose(), "--project-name", PROJECT, "--env-file", str(env_file)]

    def run(self, *arguments: str) -> str:
        """Run docker compose on it, and give what it prints."""
        done = self.try_to_run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def try_to_run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._command, *arguments],
            cwd=REPOSITORY,
            env={name: value for name, value in os.environ.items() if name in OF_THE_ENGINE or name[:6] == "DOCKER"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            timeout=COMMAND_SECONDS,
        )

    def up(self, *options: str) -> None:
        self.run("up", "--detach", *options)
        poll(lambda: is_ready(self.port), lambda: self.run("ps") + self.run("logs", "--tail", "20"))

    def instances(self, service: str) -> int:
        """How many instances of a service give signs of life."""
        return int(self.get("/readyz")["services"][service].get("instances", 0))

    def restarts(self, service: str) -> int:
        """How often the engine had to start a service's container again."""
        container = self.run("ps", "--quiet", service).strip()
        return int(docker("inspect", "--format", "{{.RestartCount}}", container).stdout)

    def get(self, path: str, api_key: str = "") -> Any:
        return self._ask(path, None, api_key)

    def post(self, path: str, body: object, api_key: str = "") -> Any:
        return self._ask(path, json.dumps(body).encode(), api_key)

    def _ask(self, path: str, body: bytes | None, api_key: str) -> Any:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - same
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            return json.load(refused)


class Trader:
    """A user of the stack with one recorder."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._stack = stack
        said = stack.run("exec", "-T", "web", "recorder", "user", "add", name)
        self._api_key = said.partition("API key:")[2].split()[0]
        made = stack.post("/api/v1/recorders", {"name": "First", "symbol": "MNQ1!"}, self._api_key)
        self._name = name
        self.webhook = "/webhook/" + made["webhook_url"].rpartition("/")[2]

    def alert(self, action: str) -> None:
        answer = self._stack.post(self.webhook, {"action": action})
        assert answer["status"] == "accepted", answer

    def trades(self) -> list[dict[str, Any]]:
        return list(self._stack.get("/api/v1/trades", self._api_key)["items"])

    def pending(self) -> list[dict[str, Any]]:
        return list(self._stack.get("/api/v1/signals?status=accepted", self._api_key)["items"])

    def logged(self) -> list[dict[str, str]]:
        """Return the bodies of the recorder's signals in the order in which they were applied."""
        export = f"recorder export-logs --user {self._name} --recorder First --out /tmp/logs >&2"
        export += " && cat /tmp/logs/signals.jsonl"
        lines = self._stack.run("exec", "-T", "web", "bash", "-c", export).splitlines()
        return [json.loads(json.loads(line)["body"]) for line in lines]

    def wait_for(self, *statuses: str) -> list[dict[str, Any]]:
        """Wait until there are trades of these statuses, newest first."""
        poll(lambda: [trade["status"] for trade in self.trades()] == list(statuses), self.trades)
        return self.trades()


class SendsAlerts:
    """Sends one alert after another, each until it is accepted, for the length of a `with` block."""

    def __init__(self, stack: Stack, trader: Trader) -> None:
        self._stack = stack
        self._trader = trader
        self._stopped = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self.accepted: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        for number in itertools.count():
            body = {"action": "close" if number % 2 else "buy", "id": f"eve {number}"}
            while not self._is_accepted(body):
                time.sleep(0.3)
            self.accepted.append(body["id"])
            if self._stopped.wait(0.3):
                return

    def _is_accepted(self, body: dict[str, str]) -> bool:
        try:
            return bool(self._stack.post(self._trader.webhook, body).get("success"))
        except (OSError, ValueError):  # web is being killed, or says something that is no JSON
            return False


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("docker")
    assert program, "COMPOSE_TESTS is set, but there is no docker command"
    return subprocess.run([program, *arguments], capture_output=True, check=False, text=True, timeout=COMMAND_SECONDS)


def compose() -> list[str]:
    """The command of Compose v2, or of docker-compose 1.29 where there is no other."""
    return ["docker", "compose"] if docker("compose", "version").returncode == 0 else ["docker-compose"]


def poll(holds: Callable[[], bool], shown: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, shown()
        time.sleep(0.2)


def env_file(directory: Path, **variables: object) -> Path:
    path = directory / "env"
    path.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    return path


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    port = free_port()
    password = "a/b@c:d?e&" + secrets.token_hex(8)  # any characters will do
    variables = env_file(
        tmp_path_factory.mktemp("compose"), POSTGRES_PASSWORD=password, SECRET_KEY=secrets.token_hex(32), PORT=port
    )
    stack = Stack(variables, port)
    stack.try_to_run("down", "--volumes")  # what a killed test left
    try:
        stack.up("--build")
        yield stack
    finally:
        stack.run("down", "--volumes")


@pytest.mark.parametrize("missing", ["POSTGRES_PASSWORD", "SECRET_KEY"])
def test_it_refuses_to_start_without_a_secret_and_says_what_to_do(tmp_path: Path, missing: str) -> None:
    variables = {"POSTGRES_PASSWORD": "x", "SECRET_KEY": "x"} | {missing: ""}

    refused = Stack(env_file(tmp_path, **variables), 0).try_to_run("config", "--quiet")

    assert refused.returncode != 0
    assert f"Copy .env.example to .env and set {missing} there" in refused.stderr


def test_an_alert_becomes_a_trade_that_survives_the_containers(stack: Stack) -> None:
    trader = Trader(stack, "ann")

    trader.alert("buy")
    (opened,) = trader.wait_for("open")
    poll(lambda: trader.trades()[0]["ticks_seen"] > 0, trader.trades)
    trader.alert("close")
    (closed,) = trader.wait_for("closed")

    assert (opened["side"], closed["exit_reason"]) == ("LONG", "signal")
    stack.run("down")
    stack.up()
    assert trader.trades() == [closed]


def test_a_killed_service_comes_back_and_the_open_position_with_it(stack: Stack) -> None:
    trader = Trader(stack, "bob")
    trader.alert("sell")
    trader.wait_for("open")

    for service, kill in KILLS.items():
        stack.try_to_run("exec", "-T", service, "bash", "-c", kill)
        poll(lambda service=service: stack.restarts(service) == 1, lambda: stack.run("ps"))
    poll(lambda: is_ready(stack.port), lambda: stack.run("ps"))

    trader.alert("close")
    (closed,) = trader.wait_for("closed")
    assert closed["side"] == "SHORT"
    assert closed["ticks_seen"] > 0


def test_no_alert_is_lost_doubled_or_misplaced_while_every_service_is_killed(stack: Stack) -> None:
    trader = Trader(stack, "eve")
    before = {service: stack.restarts(service) for service in KILLS}

    with SendsAlerts(stack, trader) as sender:
        for service, kill in KILLS.items():
            stack.try_to_run("exec", "-T", service, "bash", "-c", kill)
            poll(lambda service=service: stack.restarts(service) > before[service], lambda: stack.run("ps"))
        poll(lambda: is_ready(stack.port), lambda: stack.get("/readyz"))
    poll(lambda: trader.pending() == [], trader.pending)

    assert len(sender.accepted) > 20
    assert [body["id"] for body in trader.logged()] == sender.accepted
    audited = stack.run("exec", "-T", "web", "recorder", "audit", "--user", "eve")
    assert ", 0 differences" in audited


def test_workers_scale_and_every_container_becomes_healthy(stack: Stack) -> None:
    trader = Trader(stack, "cid")

    stack.up("--scale", "recorder_worker=3", "--scale", "tpsl_worker=2")

    poll(lambda: stack.instances("recorder_worker") == 3, lambda: stack.get("/readyz"))
    poll(lambda: stack.instances("tpsl_worker") == 2, lambda: stack.get("/readyz"))
    for _ in range(5):
        trader.alert("buy")
        trader.alert("close")
    trader.wait_for(*["closed"] * 5)
    poll(lambda: stack.run("ps").count("(healthy)") == 9, lambda: stack.run("ps"))
