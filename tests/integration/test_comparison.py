"""TradingView's list of trades beside the database, by the command and on the page."""

import io
import itertools
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from sqlalchemy import Engine, delete, func, select, update

from cli.main import main
from services.web.app import LARGEST_FORM, create_app
from shared.settings import Settings
from shared.store.tables import recorded_trades, recorders, users
from tests.recorded_rows import PASSWORD, Rows, add_recorder, add_user

_numbers = itertools.count(1)
EXIT = datetime(2026, 11, 20, 14, 41, tzinfo=UTC)
HEADER = (
    "Trade number,Type,Date and time,Signal,Price USD,Size (qty),"
    "Net PnL USD,Favorable excursion USD,Adverse excursion USD\n"
)
LISTED = f"""{HEADER}1,Exit long,2026-11-20 09:41,Close,25610.25,1,20,24,-36
1,Entry long,2026-11-20 09:30,Long,25600.25,1,20,24,-36
2,Exit short,2026-11-20 12:05,Close,25600,1,10,12,0
2,Entry short,2026-11-20 12:00,Short,25605,1,10,12,0
"""


@pytest.fixture
def rows(engine: Engine) -> Rows:
    """A recorder of last month with one trade of one contract, 25600.25 to 25610.25."""
    with engine.begin() as connection:
        connection.execute(delete(users))
        user_id = add_user(connection, f"trader {next(_numbers)}")
        rows = add_recorder(connection, user_id, "Opening range", symbol="MNQ1!")
        connection.execute(update(recorders).values(created_at=EXIT - timedelta(days=30)))
        rows.closed(
            pnl=Decimal(20),
            worst=Decimal(-40),
            exit_time=EXIT,
            held=timedelta(minutes=11),
            entry_price=Decimal("25600.25"),
        )
    return rows


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("REDIS_URL", settings.redis_url)
    monkeypatch.setenv("SECRET_KEY", settings.secret_key)


def asked(path: Path, content: str, *options: str) -> Result:
    path.write_text(content)
    return CliRunner().invoke(main, ["compare", "--recorder", "Opening range", "--trades", str(path), *options])


@pytest.mark.usefixtures("rows", "environment")
def test_the_command_ends_with_1_where_a_trade_is_missing(tmp_path: Path) -> None:
    done = asked(tmp_path / "list.csv", LISTED)

    assert done.exit_code == 1
    assert "36 / 40" in done.output
    assert done.output.splitlines()[-1].startswith("1 matched (0 differ), 1 missing, 0 extra")


@pytest.mark.usefixtures("rows", "environment")
def test_the_command_ends_with_0_where_all_agrees_and_prints_json_on_demand(tmp_path: Path) -> None:
    first = "".join(line for line in LISTED.splitlines(keepends=True) if not line.startswith("2,"))

    done = asked(tmp_path / "list.csv", first, "--json", "--timezone", "America/New_York")

    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["agrees"] is True


@pytest.mark.usefixtures("rows", "environment")
@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ("Trade number,Type\n", [], "list.csv: line 1: there is no column"),
        (LISTED, ["--timezone", "Mars"], "'Mars' is not a time zone"),
        (LISTED, ["--money-tolerance", "-1"], "-1 is less than 0"),
        (LISTED, ["--since", "soon"], "'soon' is not a time"),
    ],
)
def test_what_cannot_be_read_ends_with_2(tmp_path: Path, content: str, options: list[str], said: str) -> None:
    done = asked(tmp_path / "list.csv", content, *options)

    assert done.exit_code == 2
    assert said in done.output


def uploaded(client: FlaskClient, rows: Rows, content: str, **typed: str) -> tuple[int, str]:
    data = {"trades": (io.BytesIO(content.encode()), "list.csv"), **typed}
    answer = client.post(f"/recorders/{rows.recorder_id}/compare", data=data, content_type="multipart/form-data")
    return answer.status_code, unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text)))


@pytest.fixture
def client(settings: Settings, rows: Rows, engine: Engine) -> FlaskClient:
    client = create_app(settings).test_client()
    with engine.connect() as connection:
        name = connection.execute(select(users.c.name).where(users.c.id == rows.user_id)).scalar_one()
    assert client.post("/login", data={"name": name, "password": PASSWORD}).status_code == 302
    return client


def test_the_page_lays_both_lists_beside_each_other_and_stores_nothing(
    client: FlaskClient, rows: Rows, engine: Engine
) -> None:
    with engine.connect() as connection:
        before = connection.execute(select(func.count(recorded_trades.c.id))).scalar_one()

    code, text = uploaded(client, rows, LISTED, timezone="America/New_York", excursions="1")

    assert code == 200
    assert "On both sides 1 1 differ" in text
    assert "drawdown +$4.00" in text
    assert "Missing TradingView's 2" in text
    assert "$40.00 $36.00" in text
    with engine.connect() as connection:
        assert connection.execute(select(func.count(recorded_trades.c.id))).scalar_one() == before


def test_a_list_of_a_year_is_not_too_large(client: FlaskClient, rows: Rows) -> None:
    many = HEADER + "".join(
        f"{number},Entry long,2026-01-05 10:00,{'x' * 90},25600,1,,,\n" for number in range(1, 2600)
    )

    assert len(many) > LARGEST_FORM
    assert uploaded(client, rows, many)[0] == 200


def test_of_a_long_list_the_page_shows_what_does_not_agree_first(client: FlaskClient, rows: Rows) -> None:
    first, *_ = LISTED.removeprefix(HEADER).partition("2,")
    later = f"{EXIT + timedelta(days=1):%Y-%m-%d %H:%M}"
    missing = "".join(f"{number},Entry long,{later},Long,25700,1,,,\n" for number in range(2, 502))

    code, text = uploaded(client, rows, HEADER + first + missing, timezone="America/New_York")

    assert code == 200
    assert "On both sides 1 all agree" in text
    assert "Missing 500" in text
    assert (text.count("Missing TradingView's"), "Agrees" in text) == (500, False)
    assert "1 more are not shown" in text


@pytest.mark.parametrize(
    ("content", "typed", "said"),
    [
        ("no list", {}, "line 1: there is no column"),
        (LISTED, {"timezone": "Mars"}, "'Mars' is not a time zone"),
        (LISTED, {"price": "-1"}, "-1 is less than 0"),
    ],
)
def test_the_page_names_what_is_wrong(
    client: FlaskClient, rows: Rows, content: str, typed: dict[str, str], said: str
) -> None:
    code, text = uploaded(client, rows, content, **typed)

    assert code == 422
    assert said in text


def test_a_file_that_was_not_chosen_is_asked_for(client: FlaskClient, rows: Rows) -> None:
    answer = client.post(f"/recorders/{rows.recorder_id}/compare", data={}, content_type="multipart/form-data")

    assert answer.status_code == 422
    assert "Choose the file." in answer.text
