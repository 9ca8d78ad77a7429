"""The commands that try and save a live feed, against a venue of the test's own."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from services.price_feed.sources import venues
from services.price_feed.sources.venue_source import VenueSource
from shared.domain.quotes import SourceMessage
from shared.ticks_file import read_ticks_file
from tests.venues.plain_venue import PlainServer, PlainVenue


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlainServer]:
    """Stand in for Coinbase with a venue that has MNQ1! and BTCUSD."""
    with PlainServer() as server:
        venue = PlainVenue(server.url, name="coinbase", names={"MNQ1!": "mnq", "BTCUSD": "btc"})
        monkeypatch.setitem(venues.VENUES, "coinbase", lambda _: venue)
        yield server


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def keep_talking(server: PlainServer, *messages: str) -> threading.Event:
    """Say messages again and again once the client follows, until the event is set."""
    done = threading.Event()

    def talk() -> None:
        number = 0
        while not done.wait(0.01):
            if server.followed:
                number += 1
                server.say(messages[number % len(messages)])

    threading.Thread(target=talk, daemon=True).start()
    return done


def test_prices_are_printed_and_enough_is_enough(server: PlainServer) -> None:
    done = keep_talking(server, "price btc 100.01", "price btc 100.02")
    result = run("feed", "test", "coinbase", "btcusd", "--ticks", "3")
    done.set()
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) >= 3
    assert lines[0].split()[1:] == ["BTCUSD", "100.02"]


def test_delayed_prices_are_said_to_be(server: PlainServer) -> None:
    done = keep_talking(server, "trouble delayed btc 600", "price btc 100.01")
    result = run("feed", "test", "coinbase", "BTCUSD", "--ticks", "2")
    done.set()
    assert result.exit_code == 0
    assert "BTCUSD: prices are delayed by 600 seconds." in result.stderr


@pytest.mark.parametrize(
    ("symbol", "message", "sentence"),
    [
        ("BTCUSD", "noise", "BTCUSD: asked for, but no price came yet."),
        ("ETHUSD", "noise", "ETHUSD: no source that was named has it."),
        ("BTCUSD", "trouble unknown_symbol btc 0", "coinbase: unknown_symbol btc"),
        ("BTCUSD", "trouble refused btc 0", "coinbase: refused btc"),
    ],
)
def test_what_is_wrong_is_said_when_no_price_comes(
    server: PlainServer, symbol: str, message: str, sentence: str
) -> None:
    done = keep_talking(server, message)
    result = run("feed", "test", "coinbase", symbol, "--seconds", "1")
    done.set()
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert f"No price of {symbol} in 1 s." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(("crystal", "BTCUSD"), "FEED is 'crystal'"), (("coinbase", "NOPE"), "unknown symbol NOPE")],
)
def test_no_venue_and_no_symbol_are_refused(arguments: tuple[str, str], sentence: str) -> None:
    result = run("feed", "test", *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_a_recorded_feed_is_a_file_that_replay_reads(server: PlainServer, tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    done = keep_talking(server, "price btc 100.01", "price mnq 21000.13", "price btc 100.00", "lost mnq")
    result = run("record", "--feed", "coinbase", "--symbols", "BTCUSD, mnq1!", "--out", str(path), "--seconds", "2")
    done.set()
    assert result.exit_code == 0, result.stderr
    rows = list(read_ticks_file(path))
    assert {row.symbol for row in rows} == {"BTCUSD", "MNQ1!"}
    assert {str(row.price) for row in rows if row.symbol == "MNQ1!" and row.price} == {"21000.25"}
    assert any(row.gap_seconds for row in rows)
    assert f"{sum(row.price is not None for row in rows)} ticks" in result.stderr
    again = run("record", "--feed", "coinbase", "--symbols", "BTCUSD", "--out", str(path), "--seconds", "1")
    assert again.exit_code == 2
    assert "File exists" in again.stderr


def test_ctrl_c_leaves_a_whole_file(server: PlainServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ticks.csv"
    done = keep_talking(server, "price btc 100.01", "price btc 100.02")
    take = VenueSource.next_batch

    def take_until_interrupted(self: VenueSource, timeout: float) -> list[SourceMessage]:
        if path.stat().st_size > 500:
            raise KeyboardInterrupt
        return take(self, timeout)

    monkeypatch.setattr(VenueSource, "next_batch", take_until_interrupted)
    result = run("record", "--feed", "coinbase", "--symbols", "BTCUSD", "--out", str(path))
    done.set()
    assert result.exit_code == 0
    assert len(list(read_ticks_file(path))) > 5
