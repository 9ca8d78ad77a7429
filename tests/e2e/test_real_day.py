"""A real trading day through all four running services equals `recorder replay` of the two logs as they were stored."""

import csv
import json
import random
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.replay import replay_files
from shared.bus.connection import connect_redis
from shared.domain.numbers import plain
from shared.domain.places import place_from_stream_id
from tests.conftest import open_directory
from tests.e2e.test_up import REPOSITORY, Up, poll, run, running

TICKS = REPOSITORY.parent / "shared" / "data" / "ticks" / "eurusd_2014-05-02.csv"
ROWS = 49_341
SPEED = "2500"
SIGNALS = 60
RECORDERS: list[dict[str, Any]] = [
    {"name": "plain"},
    {"name": "stopped", "sl_enabled": True, "sl_amount": "60"},
    {"name": "legs", "tp_targets": [{"value": "40", "trim": 1}, {"value": "120"}], "initial_position_size": 3},
    {"name": "bracket", "sl_enabled": True, "sl_amount": "80", "tp_targets": [{"value": "80"}], "commission": "1.25"},
    {"name": "netting", "opposite_signal": "reduce", "initial_position_size": 2, "add_position_size": 1},
    {"name": "level", "sl_enabled": True, "sl_amount": "0.0004", "sl_units": "Points", "stop_fill": "level"},
]
BODIES: list[dict[str, Any]] = [
    {"action": "buy"},
    {"action": "sell"},
    {"action": "buy", "contracts": "2"},
    {"action": "close"},
    {"action": "sell", "market_position": "long", "market_position_size": "1"},
    {"action": "sell", "market_position": "short", "market_position_size": "2"},
    {"action": "buy", "price": "1.3871"},
    {"action": "reverse"},
    {"action": "closeall"},
    {"action": "buy", "price": "1"},
]
# Column of the replay -> field of the API, where the names differ.
SAME = {
    "signals": {"status": "status", "reason": "reason"},
    "trades": {
        name: name
        for name in (
            "entry_time exit_time side quantity entry_price exit_price exit_reason pnl pnl_ticks commission"
            " max_favorable max_adverse worst_price ticks_seen gap_seconds status"
        ).split()
    },
    "positions": {"quantity": "total_quantity"}
    | {
        name: name
        for name in (
            "opened_at closed_at side max_quantity avg_entry_price exit_price realized_pnl worst_at"
            " worst_unrealized_pnl best_unrealized_pnl worst_price status ticks_seen gap_seconds"
        ).split()
    },
}
Rows = dict[str, list[dict[str, Any]]]
pytestmark = pytest.mark.skipif(not TICKS.exists(), reason=f"NOT CHECKED: the day of real ticks is not at {TICKS}")


@dataclass(frozen=True)
class Client:
    """The API and the webhooks of one running system, as one user."""

    port: int
    api_key: str

    def call(self, path: str, body: object = None) -> Any:
        """GET, or with a body POST, and read the JSON answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own http address
            return json.load(answer)

    def post_alert(self, recorder: dict[str, Any], body: dict[str, Any]) -> None:
        """Post to a recorder's webhook URL."""
        answer = self.call(recorder["webhook_url"].split(str(self.port), 1)[1], body)
        assert answer["status"] == "accepted"

    def listed(self, kind: str, recorder_id: int) -> list[dict[str, Any]]:
        """Return all rows of a list, page by page, the oldest first."""
        rows, cursor = [], ""
        while True:
            page = self.call(f"/api/v1/{kind}?recorder_id={recorder_id}&limit=100{cursor}")
            rows += page["items"]
            if page["next_cursor"] is None:
                return rows[::-1]
            cursor = f"&cursor={page['next_cursor']}"


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """All four services, playing the day's file at high speed."""
    options = ("--feed", "replay", "--ticks", str(TICKS), "--speed", SPEED, "--no-demo")
    with open_directory() as directory, running(directory, *options, "--recorder-workers", "2") as up:
        yield up


@pytest.fixture(scope="module")
def client(up: Up) -> Client:
    """A user with the contract of the day's symbol."""
    added = run("user", "add", "trader", "--data", str(up.data))
    client = Client(up.port, added.stdout.split("API key:")[1].split()[0])
    contract = {"root": "EURUSD", "kind": "spot", "exchange": "OANDA", "name": "Euro", "currency": "USD"}
    client.call("/api/v1/contracts", contract | {"tick_size": "0.000005", "multiplier": "100000"})
    return client


def test_a_trade_of_20_ms_has_the_drawdown_of_the_ticks_in_between(up: Up, client: Client, tmp_path: Path) -> None:
    recorder = client.call("/api/v1/recorders", {"name": "quick", "symbol": "EURUSD"})
    for _ in range(5):
        client.post_alert(recorder, {"action": "buy", "price": "1.3870"})
        time.sleep(0.02)
        client.post_alert(recorder, {"action": "close", "price": "1.3870"})
    poll(lambda: len(client.listed("trades", recorder["id"])) == 5, lambda: client.listed("signals", recorder["id"]))
    poll(lambda: all(row["exit_price"] for row in client.listed("trades", recorder["id"])), str)
    assert run("export-logs", "--recorder", "quick", "--out", str(tmp_path), "--data", str(up.data)).returncode == 0
    found = [(row["max_adverse"], row["ticks_seen"]) for row in client.listed("trades", recorder["id"])]
    assert found == expected_of_trades(tmp_path)
    assert sum(ticks_seen for _, ticks_seen in found) > 0


def test_the_running_system_records_what_the_replay_of_its_logs_records(up: Up, client: Client, tmp_path: Path) -> None:
    made = [client.call("/api/v1/recorders", settings | {"symbol": "EURUSD"}) for settings in RECORDERS]
    recorders = {recorder["name"]: recorder for recorder in made}
    send_alerts(client, recorders)
    assert_audited(up)
    wait_for_the_end_of_the_day(up)
    for name, recorder in recorders.items():
        exported = run("export-logs", "--recorder", name, "--out", str(tmp_path / name), "--data", str(up.data))
        assert exported.returncode == 0, exported.stderr
        replayed = replay_files(*(tmp_path / name / file for file in ("ticks.csv", "signals.jsonl", "settings.json")))
        wait_until_equal(client, recorder["id"], replayed)
        assert len(replayed["trades"]) > 2, name
    assert_audited(up)


def assert_audited(up: Up) -> None:
    """The audit of the running system, which may be in the middle of its work, finds no difference."""
    audited = run("audit", "--data", str(up.data))
    assert audited.returncode == 0, audited.stdout + audited.stderr
    assert audited.stdout.endswith(" 0 differences\n")
    assert " 0 positions checked" not in audited.stdout


def wait_until_equal(client: Client, recorder_id: int, replayed: Rows) -> None:
    poll(
        lambda: not differences(client, recorder_id, replayed),
        lambda: "\n".join(differences(client, recorder_id, replayed)),
    )


def expected_of_trades(logs: Path) -> list[tuple[str, int]]:
    """Work out from the exported logs alone what each pair of alerts at 1.3870 lost at worst, and of how many ticks."""
    with (logs / "ticks.csv").open() as file:
        ticks = [
            (place_from_stream_id(row["id"]), Decimal(row["price"])) for row in csv.DictReader(file) if row["price"]
        ]
    lines = [json.loads(line) for line in (logs / "signals.jsonl").read_text().splitlines()]
    places = [place_from_stream_id(line["after"]) for line in lines]
    between = [
        [price for place, price in ticks if entered < place <= left]
        for entered, left in zip(places[::2], places[1::2], strict=True)
    ]
    entry = Decimal("1.3870")
    return [(plain((min([*prices, entry]) - entry) * 100000), len(prices)) for prices in between]


def send_alerts(client: Client, recorders: dict[str, dict[str, Any]]) -> None:
    chosen = random.Random(20140502)  # the same alerts in every run
    for number in range(SIGNALS):
        recorder = recorders[RECORDERS[number % len(RECORDERS)]["name"]]
        client.post_alert(recorder, chosen.choice(BODIES))
        time.sleep(chosen.uniform(0.0, 0.5))


def wait_for_the_end_of_the_day(up: Up) -> None:
    redis = connect_redis(json.loads((up.data / "running.json").read_text())["REDIS_URL"], retries=False)
    poll(lambda: redis.xlen("ticks:EURUSD") >= ROWS, lambda: redis.xlen("ticks:EURUSD"))
    redis.close()


def differences(client: Client, recorder_id: int, replayed: Rows) -> list[str]:
    """Say where the API tells something else than the replay."""
    found = []
    for kind, same in SAME.items():
        stored = client.listed(kind, recorder_id)
        if len(stored) != len(replayed[kind]):
            found.append(f"{kind}: {len(stored)} stored, {len(replayed[kind])} replayed")
            continue
        as_stored = sorted([row[theirs] for theirs in same.values()] for row in map(normal, stored))
        as_replayed = sorted([row[name] for name in same] for row in map(normal, replayed[kind]))
        found += [
            f"{kind} {list(same)}: {ours} stored, {theirs} replayed"
            for ours, theirs in zip(as_stored, as_replayed, strict=True)
            if ours != theirs
        ]
    return found


def normal(row: dict[str, Any]) -> dict[str, str]:
    """Make rows comparable; what an open trade would book by now is the API's addition."""
    not_booked = dict.fromkeys(("pnl", "pnl_ticks", "commission")) if row["status"] == "open" else {}
    return {name: str(value) for name, value in (row | not_booked).items()}
