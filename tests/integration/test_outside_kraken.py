"""Our Kraken server as others' client sees it: OUTSIDE_PYTHON names a Python with PyPI's python-kraken-sdk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.venues.kraken_server import KrakenServer

CLIENT = Path(__file__).parents[1] / "venues" / "outside" / "kraken_sdk_client.py"
PYTHON = os.environ.get("OUTSIDE_PYTHON", sys.executable)


def test_a_client_of_others_hears_every_trade_of_our_server() -> None:
    found = subprocess.run([PYTHON, "-c", "import kraken.spot"], check=False, capture_output=True, text=True)
    if found.returncode:
        pytest.skip("OUTSIDE_PYTHON names no Python that has PyPI's python-kraken-sdk")
    with KrakenServer("BTC/USD", "ETH/USD", heartbeat_seconds=0.2) as server:
        command = [PYTHON, str(CLIENT), server.url.removesuffix("/v2"), "BTC/USD", "NO/USD"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
            server.wait_for(lambda: server.follows("BTC/USD"), 15)
            server.trade("BTC/USD", "77313.30")
            server.trade_at_once([("BTC/USD", "77313.5"), ("ETH/USD", "2000"), ("BTC/USD", "77314")])
            server.trade("BTC/USD", "0")
            said, complaint = client.communicate(timeout=30)
    assert client.returncode == 0, complaint
    assert server.misconduct == []
    heard = [json.loads(line) for line in said.splitlines() if line.startswith('{"')]
    trades = [trade["price"] for message in heard if message.get("channel") == "trade" for trade in message["data"]]
    assert trades == [77313.3, 77313.5, 77314, 0]
    errors = [message["error"] for message in heard if message.get("success") is False]
    assert errors == ["Currency pair not supported NO/USD"]
