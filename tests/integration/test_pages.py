# ruff: noqa: RUF001 - true minus signs are what pages show
"""The pages as a signed-in user gets them, over real Postgres and Redis."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from html import unescape

import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, delete, select
from werkzeug.test import TestResponse

from services.recorder_worker.settler import Settler
from shared.bus.publisher import TickPublisher
from shared.settings import Settings
from shared.store.recorder_locks import let_rest
from shared.store.result_days import load_result_days
from shared.store.tables import recorder_settings, recorders, users
from tests.alert_requests import create_web
from tests.recorded_rows import PASSWORD, Rows, add_history, add_recorder, add_user

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
PAGES = ["/", "/positions", "/trades", "/signals", "/recorders", "/recorders/new", "/account", "/account/api-key"]


@pytest.fixture
def rows(engine: Engine) -> Iterator[Rows]:
    with engine.begin() as connection:
        connection.execute(delete(users))
    with engine.connect() as connection:
        yield add_recorder(connection, add_user(connection, "trader"), "Opening range")


@pytest.fixture
def client(settings: Settings) -> FlaskClient:
    return create_web(settings).test_client()


def sign_in(client: FlaskClient, rows: Rows, name: str = "trader") -> None:
    rows.connection.commit()
    answer = client.post("/login", data={"name": name, "password": PASSWORD})
    assert answer.status_code == 302


def words(answer: TestResponse) -> str:
    """What a page says, without its markup."""
    assert answer.status_code == 200, answer.text
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text.partition("<main")[2])))


@pytest.mark.parametrize("path", PAGES)
def test_a_newcomer_is_told_what_to_do_on_every_page(client: FlaskClient, rows: Rows, path: str) -> None:
    sign_in(client, rows)

    answer = client.get(path)

    assert answer.status_code == 200
    assert "style=" not in answer.text
    assert "onclick" not in answer.text


@pytest.mark.parametrize("path", [*PAGES, "/trades/1", "/positions/1", "/signals/1", "/recorders/1", "/live"])
def test_nothing_is_shown_to_who_is_not_signed_in(client: FlaskClient, path: str) -> None:
    assert client.get(path).headers["Location"].startswith("/login")


def test_no_user_sees_anothers_rows(client: FlaskClient, rows: Rows) -> None:
    trade_id = rows.closed(pnl=Decimal(20), worst=Decimal(-40), exit_time=NOON)
    signal_id, position_id = rows.signal(), rows.position()
    add_user(rows.connection, "other")
    sign_in(client, rows, "other")

    for path in (f"/trades/{trade_id}", f"/signals/{signal_id}", f"/positions/{position_id}"):
        assert client.get(path).status_code == 404
    assert client.get(f"/recorders/{rows.recorder_id}").status_code == 404
    assert client.post(f"/recorders/{rows.recorder_id}/delete").status_code == 404
    for path in ("/", "/trades", "/signals", "/recorders", "/positions"):
        assert "MNQ1!" not in words(client.get(path)).replace("such as MNQ1!", "")


def test_the_dashboard_sums_up_trades_and_their_drawdowns(client: FlaskClient, rows: Rows) -> None:
    rows.closed(pnl=Decimal(100), worst=Decimal(-10), exit_time=NOON)
    rows.closed(pnl=Decimal(-40), worst=Decimal(-70), exit_time=NOON + timedelta(hours=1))
    rows.closed(pnl=Decimal(60), worst=Decimal(0), exit_time=NOON + timedelta(hours=2))
    sign_in(client, rows)

    text = words(client.get("/"))

    assert "Net profit +$120.00 3 trades" in text
    assert "Max drawdown, every tick $70.00 closed to closed $40.00" in text
    assert "Profit factor 4.00" in text
    assert "Win rate 66.7 % 2 of 3 trades" in text


def test_a_drawdown_that_missed_ticks_says_so_wherever_it_is_shown(client: FlaskClient, rows: Rows) -> None:
    trade_id = rows.closed(pnl=Decimal(20), worst=Decimal(-22), exit_time=NOON, gap_seconds=Decimal(51), ticks_seen=4)
    unseen = rows.closed(pnl=Decimal(20), worst=Decimal(0), exit_time=NOON, ticks_seen=0)
    sign_in(client, rows)

    for path in ("/trades", f"/trades/{trade_id}", "/", f"/recorders/{rows.recorder_id}"):
        assert "≥ $22.00" in words(client.get(path)), path
    assert "51 s missed" in words(client.get(f"/trades/{trade_id}"))
    assert "≥ $0.00 saw no tick" in words(client.get(f"/trades/{unseen}"))


def test_the_accounts_drawdown_says_what_was_missed_and_by_how_many(client: FlaskClient, rows: Rows) -> None:
    rows.closed(pnl=Decimal(20), worst=Decimal(-22), exit_time=NOON, gap_seconds=Decimal(51))
    rows.closed(pnl=Decimal(20), worst=Decimal(0), exit_time=NOON + timedelta(hours=1), ticks_seen=0)
    sign_in(client, rows)

    text = words(client.get("/"))

    assert "≥ $22.00 closed to closed $0.00; 1 position missed up to 51 s; 1 position saw no tick" in text


def test_a_position_that_waits_for_its_first_tick_leaves_the_accounts_drawdown_as_it_was(
    client: FlaskClient, rows: Rows
) -> None:
    rows.closed(pnl=Decimal(20), worst=Decimal(-22), exit_time=NOON)
    rows.position(ticks_seen=0, opened_at=NOON + timedelta(hours=1))
    sign_in(client, rows)

    text = words(client.get("/"))

    assert "Max drawdown, every tick $22.00 closed to closed $0.00 Profit" in text
    assert "≥ $0.00 saw no tick" in text


def test_a_long_history_is_said_to_be_added_up_until_it_is(
    client: FlaskClient, rows: Rows, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows.closed(pnl=Decimal(20), worst=Decimal(-40), exit_time=NOON)
    sign_in(client, rows)
    monkeypatch.setattr("services.web.results.load_result_days", partial(load_result_days, most_owed=0))
    pages = ("/", "/recorders", f"/recorders/{rows.recorder_id}")

    at_first = [client.get(page) for page in pages]
    refused = client.get("/api/v1/metrics")
    Settler(engine).settle()

    for answer in at_first:
        assert "a long history is being added up" in answer.text
        assert "+$20.00" not in words(answer).partition("Recent trades")[0]
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    for page in pages:
        assert "+$20.00" in words(client.get(page)).partition("Recent trades")[0]


def test_an_open_trade_includes_what_its_position_saw_since_the_last_fill(client: FlaskClient, rows: Rows) -> None:
    position_id = rows.position(
        side="SHORT",
        current_price=Decimal("25601.00"),
        lowest_since_fill=Decimal("25590.00"),
        highest_since_fill=Decimal("25611.00"),
        ticks_seen=9,
    )
    trade_id = rows.trade(position_id, side="SHORT", max_adverse=Decimal(-4), ticks_seen=0)
    sign_in(client, rows)

    text = words(client.get(f"/trades/{trade_id}"))

    assert "Profit −$4.00 not booked yet" in text
    assert "Drawdown $44.00" in text
    assert "Run-up +$40.00" in text
    assert "Worst price 25,611.00" in text
    assert "Ticks seen 9" in text


def test_open_positions_are_shown_at_the_last_tick(client: FlaskClient, rows: Rows, redis_client: Redis) -> None:
    rows.position(worst_unrealized_pnl=Decimal(-10))
    publisher = TickPublisher(redis_client, source="test", epoch=1, retention_seconds=3600)
    publisher.publish("MNQ1!", Decimal("25593.25"), time.time_ns())
    sign_in(client, rows)

    text = words(client.get("/positions"))

    assert "MNQ1! Long 2 −$27.00 $27.00" in text
    assert "25,593.25" in text


def test_a_quiet_symbol_is_greyed_with_the_age_of_its_last_tick(
    client: FlaskClient, rows: Rows, redis_client: Redis
) -> None:
    rows.position()
    publisher = TickPublisher(redis_client, source="test", epoch=1, retention_seconds=3600)
    publisher.publish("MNQ1!", Decimal("25593.25"), time.time_ns() - 75_000_000_000)
    sign_in(client, rows)

    text = words(client.get("/"))

    assert "Feed quiet, last tick 1 min 15 s ago." in text
    assert "25,593.25 last tick 1 min 15 s ago" in text


def listed(client: FlaskClient, query: str) -> list[str]:
    """The results on a page of trades, in its order."""
    return re.findall(r'data-label="Profit"><span[^>]*>([^<]*)<', client.get(f"/trades?{query}").text)


def test_trades_are_sorted_filtered_and_paged_without_losing_or_repeating_one(client: FlaskClient, rows: Rows) -> None:
    add_history(rows, "MNQ1!", trades=120, until=NOON, seed=7)
    sign_in(client, rows)

    for sort in ("-opened", "opened", "-profit", "drawdown", "-closed", "-runup", "symbol"):
        seen: list[str] = []
        path = f"/trades?sort={sort}"
        for _ in range(3):
            page = client.get(path).text
            seen += re.findall(r'href="/trades/(\d+)"', page)
            following = re.search(r'href="([^"]*)" rel="next"', page)
            path = unescape(following[1]) if following else ""
        assert (len(seen), len(set(seen)), path) == (120, 120, ""), sort
    assert all(result.startswith("−") for result in listed(client, "reason=sl"))
    assert listed(client, "status=open") == []
    assert listed(client, "recorder=999") == []
    assert listed(client, "recorder=x") == []


def test_trades_are_listed_in_the_order_of_their_results(client: FlaskClient, rows: Rows) -> None:
    for pnl in (20, -30, 7):
        rows.closed(pnl=Decimal(pnl), worst=Decimal(-40), exit_time=NOON)
    rows.trade(rows.position(current_price=Decimal("25605.00")))
    sign_in(client, rows)

    assert listed(client, "sort=profit") == ["−$30.00", "+$7.00", "+$20.00", "+$20.00"]
    assert listed(client, "sort=-profit&status=closed") == ["+$20.00", "+$7.00", "−$30.00"]


@pytest.mark.parametrize("query", ["sort=quantity", "sort=-", "cursor=x", "cursor=WyJ4IiwgMV0", "cursor=eyJhIjoxfQ"])
def test_a_list_that_cannot_be_refuses_with_its_reason(client: FlaskClient, rows: Rows, query: str) -> None:
    sign_in(client, rows)

    answer = client.get(f"/trades?{query}")

    assert answer.status_code == 400
    assert "sort" in answer.text or "cursor" in answer.text


def test_a_signal_shows_its_outcome_its_delays_and_its_body_byte_for_byte(client: FlaskClient, rows: Rows) -> None:
    signal_id = rows.signal(
        status="ignored",
        reason="nothing to close",
        note="the alert's price was far off",
        action="EXIT",
        raw_data=b'\x00\xff{"action": "<b>exit</b>"}',
    )
    sign_in(client, rows)

    page = client.get(f"/signals/{signal_id}")

    assert "Ignored nothing to close; the alert's price was far off" in words(page)
    assert "730 ms on its way" in words(page)
    assert "40 ms later" in words(page)
    assert "\\xff{&#34;action&#34;: &#34;&lt;b&gt;exit&lt;/b&gt;&#34;}" in page.text
    assert "nothing to close" in words(client.get("/signals?status=ignored"))
    assert "nothing to close" not in words(client.get("/signals?status=recorded"))


@pytest.mark.parametrize(("duplicates", "said"), [(0, "Sent again –"), (1, "Sent again once"), (2, "again 2 times")])
def test_a_signal_says_how_often_it_was_sent_again(client: FlaskClient, rows: Rows, duplicates: int, said: str) -> None:
    signal_id = rows.signal(duplicates=duplicates)
    sign_in(client, rows)

    assert said in words(client.get(f"/signals/{signal_id}"))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ("0", "Equal alerts one for 1 min if they have a time or an id"),
        ("20", "Equal alerts one for 20 s, 1 min if they have a time or an id"),
        ("90", "Equal alerts one for 1 min 30 s "),
    ],
)
def test_a_recorder_says_for_how_long_equal_alerts_are_one(
    client: FlaskClient, rows: Rows, seconds: str, said: str
) -> None:
    sign_in(client, rows)
    path = f"/recorders/{rows.recorder_id}"

    client.post(f"{path}/edit", data=FORM | {"name": "Opening range", "duplicate_window_seconds": seconds})

    assert stored_settings(rows, "Opening range")["duplicate_window_seconds"] == int(seconds)
    assert said in words(client.get(path))


def test_a_recorder_that_cannot_be_brought_up_to_date_says_why(client: FlaskClient, rows: Rows) -> None:
    sign_in(client, rows)
    path = f"/recorders/{rows.recorder_id}"
    assert "Not up to date" not in words(client.get(path))

    let_rest(rows.connection, rows.recorder_id, "KeyError('legs')")
    rows.connection.commit()

    assert "Not up to date" in words(client.get(path))
    assert "legs" in words(client.get(path))


def test_times_are_in_the_users_zone(client: FlaskClient, rows: Rows) -> None:
    add_recorder(rows.connection, add_user(rows.connection, "in Tokyo", "Asia/Tokyo"), "Opening range").signal()
    sign_in(client, rows, "in Tokyo")

    text = words(client.get("/signals"))

    assert "2026-11-21 00:00:00" in text
    assert "Times in Asia/Tokyo" in text


FORM = {"name": "Scalper", "symbol": "MES1!", "recording_enabled": "on", "initial_position_size": "3"}


def stored_settings(rows: Rows, name: str) -> dict[str, object]:
    query = select(recorder_settings.c.settings).join(recorders, recorders.c.settings_id == recorder_settings.c.id)
    found: dict[str, object] = rows.connection.execute(query.where(recorders.c.name == name)).scalar_one()
    return found


def test_a_recorder_is_added_with_what_the_form_says(client: FlaskClient, rows: Rows) -> None:
    sign_in(client, rows)
    legs = {"target_value_1": "40", "target_trim_1": "", "target_value_3": "20", "target_trim_3": "1"}

    answer = client.post(
        "/recorders/new", data=FORM | legs | {"sl_enabled": "on", "sl_amount": "12.5", "sl_units": "Points"}
    )

    assert answer.status_code == 302
    settings = stored_settings(rows, "Scalper")
    assert settings["tp_targets"] == [{"value": "20", "trim": 1}, {"value": "40", "trim": None}]
    assert (settings["sl_enabled"], settings["sl_amount"], settings["initial_position_size"]) == (True, "12.5", 3)
    page = client.get(answer.headers["Location"])
    assert "Scalper is ready" in words(page)
    assert "1 contract at 20 ticks; the rest at 40 ticks" in words(page)


def test_a_refused_form_keeps_what_was_typed_and_says_why_beside_each_field(client: FlaskClient, rows: Rows) -> None:
    sign_in(client, rows)

    answer = client.post(
        "/recorders/new",
        data=FORM | {"initial_position_size": "1.5", "commission": "-1", "target_value_1": "x", "target_trim_1": "1"},
    )

    assert answer.status_code == 422
    text = unescape(re.sub(r"<[^>]*>", " ", answer.text))
    assert "3 settings need another look" in text
    for name in ("initial_position_size", "commission"):
        assert re.search(rf'id="{name}"[^>]*aria-describedby="{name}-about" aria-invalid="true"', answer.text)
    assert 'value="1.5"' in answer.text
    assert 'value="Scalper"' in answer.text
    assert re.search(r'id="tp_targets-about"><p class="error">target 1: ', answer.text)


def test_a_name_that_is_taken_is_refused_beside_the_name(client: FlaskClient, rows: Rows) -> None:
    sign_in(client, rows)

    answer = client.post("/recorders/new", data=FORM | {"name": "Opening range"})

    assert answer.status_code == 422
    assert re.search(r'id="name-about"><p class="error">there is a recorder', answer.text)


def test_a_symbol_without_a_contract_is_refused_beside_the_symbol(client: FlaskClient, rows: Rows) -> None:
    sign_in(client, rows)

    answer = client.post("/recorders/new", data=FORM | {"symbol": "XYZ1!"})

    assert answer.status_code == 422
    assert 'id="symbol-about"><p class="error">unknown symbol XYZ1!' in answer.text


def test_the_form_has_the_exits_that_move(client: FlaskClient, rows: Rows) -> None:
    sign_in(client, rows)
    exits = {
        "sl_enabled": "on", "sl_amount": "20", "sl_type": "Trail", "trail_trigger": "8.5", "trail_freq": "4",
        "break_even_enabled": "on", "break_even_ticks": "10", "break_even_offset": "2", "session_end": "15:55",
        "avg_down_enabled": "on", "avg_down_amount": "1", "avg_down_point": "30", "max_contracts": "3",
        "timezone": "Europe/Berlin",
    }  # fmt: skip

    refused = client.post("/recorders/new", data=FORM | exits | {"break_even_offset": "10"})
    assert refused.status_code == 422
    assert "must be less than break_even_ticks" in refused.text
    answer = client.post("/recorders/new", data=FORM | exits)
    assert answer.status_code == 302

    settings = stored_settings(rows, FORM["name"])
    assert (settings["sl_type"], settings["trail_trigger"], settings["trail_freq"]) == ("Trail", "8.5", 4)
    assert (settings["break_even_enabled"], settings["break_even_offset"]) == (True, "2")
    assert (settings["session_end"], settings["timezone"]) == ("15:55", "Europe/Berlin")
    assert (settings["avg_down_amount"], settings["avg_down_point"]) == (1, "30")
    text = words(client.get(answer.headers["Location"]))
    assert "Trailing follows the best price from 8.5 ticks in favour, by 4 ticks at a time" in text
    assert "Break-even stop to the average plus 2 ticks from 10 ticks in favour" in text
    assert "Averages down adds 1 contract each 30 ticks against the last entry" in text
    assert "Session ends 15:55, Europe/Berlin" in text


def test_editing_changes_what_the_form_has_and_keeps_the_rest(client: FlaskClient, rows: Rows) -> None:
    other = add_recorder(rows.connection, rows.user_id, "Night", strategy_type="Forex")
    sign_in(client, rows)
    path = f"/recorders/{other.recorder_id}/edit"

    assert 'value="Night"' in client.get(path).text
    kept = {"name": "Night", "strategy_type": "Forex"}
    typed = FORM | kept | {"max_contracts": "4", "timezone": "Europe/Zurich"}
    assert client.post(path, data=typed).status_code == 302

    settings = stored_settings(rows, "Night")
    assert (settings["timezone"], settings["strategy_type"], settings["max_contracts"]) == ("Europe/Zurich", "Forex", 4)


def test_filters_are_typed_on_the_form_and_told_on_the_page(client: FlaskClient, rows: Rows) -> None:
    sign_in(client, rows)
    typed = FORM | {"inverse": "on", "direction_filter": "Short", "cooldown_seconds": "90", "max_daily_loss": "1,000"}
    hours = {"time_filter_2_start": "22:00", "time_filter_2_stop": "02:00", "timezone": "UTC", "take_every": "3"}

    answer = client.post("/recorders/new", data=typed | hours)

    assert answer.status_code == 302
    settings = stored_settings(rows, "Scalper")
    assert settings["time_filter_1"] is None
    assert settings["time_filter_2"] == {"start": "22:00", "stop": "02:00"}
    assert (settings["inverse"], settings["cooldown_seconds"], settings["max_daily_loss"]) == (True, 90, "1000")
    text = words(client.get(answer.headers["Location"]))
    assert "short only, inverted" in text
    assert "22:00 to 02:00, UTC" in text
    assert "one in 3 is taken" in text
    form = client.get(f"{answer.headers['Location']}/edit").text
    assert 'name="time_filter_2_stop" value="02:00"' in form


def test_hours_that_do_not_parse_are_refused_beside_them_and_kept(client: FlaskClient, rows: Rows) -> None:
    sign_in(client, rows)

    answer = client.post("/recorders/new", data=FORM | {"time_filter_1_start": "09:30", "time_filter_1_stop": ""})

    assert answer.status_code == 422
    assert 'name="time_filter_1_start" value="09:30"' in answer.text
    assert re.search(r'id="time_filter_1-about"><p class="error">\S+ is not a time of day', answer.text)


def test_stopping_asks_first_and_starting_does_not(client: FlaskClient, rows: Rows) -> None:
    sign_in(client, rows)
    path = f"/recorders/{rows.recorder_id}"

    assert "Entries will be ignored" in words(client.get(f"{path}/stop"))
    assert stored_settings(rows, "Opening range")["recording_enabled"] is True
    client.post(f"{path}/stop")
    assert "Stopped" in words(client.get(path))
    client.post(f"{path}/start")
    assert "Stop recording" in words(client.get(path))


def webhook_url(client: FlaskClient, path: str) -> str:
    found = re.search(r"http://localhost(/webhook/[\w-]+)", client.get(path).text)
    assert found
    return found[1]


def test_replacing_the_url_ends_the_old_one(client: FlaskClient, rows: Rows) -> None:
    sign_in(client, rows)
    path = f"/recorders/{rows.recorder_id}"
    old = webhook_url(client, path)

    client.post(f"{path}/rotate")

    assert client.get(old).status_code == 404
    assert client.get(webhook_url(client, path)).status_code == 200


def test_deleting_takes_everything_along(client: FlaskClient, rows: Rows) -> None:
    rows.closed(pnl=Decimal(20), worst=Decimal(-40), exit_time=NOON)
    sign_in(client, rows)

    answer = client.post(f"/recorders/{rows.recorder_id}/delete", follow_redirects=True)

    assert "Opening range and everything it recorded are deleted" in words(answer)
    assert listed(client, "") == []


def test_theme_and_colours_are_kept_by_a_cookie_and_drawn_by_the_server(client: FlaskClient, rows: Rows) -> None:
    sign_in(client, rows)

    client.post("/appearance", data={"theme": "dark", "next": "/trades?sort=profit"})
    answer = client.post("/appearance", data={"colours": "blind", "next": "/trades?sort=profit"})

    assert answer.headers["Location"] == "/trades?sort=profit"
    assert '<html lang="en" data-theme="dark" data-colours="blind">' in client.get("/").text


@pytest.mark.parametrize("away", ["//evil.example", "https://evil.example", "/\\evil.example", "", "javascript:x"])
def test_the_appearance_form_leads_to_no_other_site(client: FlaskClient, away: str) -> None:
    answer = client.post("/appearance", data={"theme": "dark", "next": away})

    assert answer.headers["Location"] == "/"


def test_a_page_that_does_not_exist_is_told_in_our_own_words(client: FlaskClient, rows: Rows) -> None:
    sign_in(client, rows)

    answer = client.get("/trades/123456789")

    assert answer.status_code == 404
    assert "Trade recorder" in answer.text
