"""The pages in real Chromium: what no test over HTTP can see."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from redis import Redis
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from sqlalchemy import Engine, select
from werkzeug.serving import make_server

from shared.bus.connection import connect_redis
from shared.bus.heartbeat import SERVICES
from shared.bus.publisher import TickPublisher
from shared.catch_up import catch_up
from shared.settings import load_settings
from shared.store.tables import recorders
from tests.alert_requests import create_web
from tests.recorded_rows import PASSWORD, SECRET, Rows, add_history, add_recorder, add_user

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]
LONGEST_STATE = "Feed quiet, last tick 12 h 59 min ago"
WIDTHS = (320, 390, 820, 1440)
PAGES = (
    "/",
    "/positions",
    "/trades",
    "/signals",
    "/recorders",
    "/recorders/{recorder}",
    "/recorders/{recorder}/edit",
    "/recorders/{recorder}/test?message=strategy",
    "/recorders/{recorder}/compare",
    "/account",
    "/feed",
)
DETAILS = (
    "/trades/{trade}",
    "/positions/{position}",
    "/positions/{position}/close",
    "/signals/{signal}",
    "/signals/{signal}/resend",
    "/recorders/{recorder}/delete",
)
MOST_BYTES = 100_000
TRAILING = {
    "rules": {"stop": {"kind": "ticks", "value": "80"}, "trail": {"trigger_ticks": "0", "step_ticks": 1}},
    "basis": {"price": "25600", "value": "51200", "quantity": 2},
    "stop": {"price": "25580.00", "overdue": False},
    "targets": [
        {"level": {"price": "25650.00", "overdue": False}, "quantity": 1},
        {"level": {"price": "25700.00", "overdue": False}, "quantity": None},
    ],
}
FEED = {
    "at": time.time() + 3600,  # it stays young for as long as the tests take
    "source": "tradingview,coinbase",
    "state": "live",
    "messages": 12_345,
    "sources": [
        {"source": "tradingview", "state": "live", "trouble": None, "trouble_at": None, "delay_seconds": 0},
        {
            "source": "coinbase",
            "state": "waiting",
            "trouble": "the venue closed the connection, code 1006: " + "a long reason " * 8,
            "trouble_at": time.time_ns(),
            "delay_seconds": None,
        },
    ],
    "symbols": [
        {
            "symbol": "MNQ1!",
            "source": "tradingview",
            "name": "CME_MINI:MNQ1!",
            "state": "stale",
            "delay_seconds": 0,
            "heard_at": time.time_ns(),
            "refused": {"absurd": 3, "out_of_order": 12_345, "duplicate": 7},
        },
        {"symbol": "GC1!", "source": None, "state": "unserved"},
    ],
}
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="no Chromium here: install the packages chromium and chromium-driver"
)


class Site:
    """The web service with a user's rows in it, on a port of its own."""

    def __init__(self, address: str, ids: dict[str, int], redis: Redis) -> None:
        self.address = address
        self.ids = ids
        self.redis = redis
        self._ticks = TickPublisher(redis, source="test", epoch=1, retention_seconds=3600)

    def url(self, path: str) -> str:
        return self.address + path.format(**self.ids)

    def tick(self, price: str) -> None:
        self._ticks.publish("MNQ1!", Decimal(price), time.time_ns())


@pytest.fixture(scope="module")
def site(engine: Engine, database_url: str, _redis_server_url: str) -> Iterator[Site]:
    redis = connect_redis(_redis_server_url, retries=False)
    redis.flushall()
    settings = load_settings(
        {"DATABASE_URL": database_url, "REDIS_URL": _redis_server_url, "SECRET_KEY": SECRET, "LOG_LEVEL": "ERROR"}
    )
    with engine.begin() as connection:
        ids = _fill(add_recorder(connection, add_user(connection, "trader"), "Opening range with a rather long name"))
        add_user(connection, "newcomer")
    server = make_server("127.0.0.1", 0, create_web(settings), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    site = Site(f"http://127.0.0.1:{server.server_port}", ids, redis)
    site.tick("25600.00")
    redis.hset(SERVICES, "price_feed:here-1", json.dumps(FEED))
    yield site
    server.shutdown()
    thread.join()
    redis.close()


def _fill(rows: Rows) -> dict[str, int]:
    now = datetime.now(UTC)
    add_history(rows, "MNQ1!", trades=70, until=now, seed=3)
    worst = Decimal("-1234567.50")
    position = rows.position(opened_at=now, gap_seconds=Decimal(51), worst_unrealized_pnl=worst, exit_plan=TRAILING)
    rows.trade(position, entry_time=now, max_adverse=Decimal(-9))
    trade = rows.closed(pnl=Decimal("-98765.50"), worst=Decimal("-98765.50"), exit_time=now, ticks_seen=0)
    signal = rows.signal(
        status="rejected",
        reason="quantity '" + "1.5" * 40 + "' is not a whole number",
        received_at=now + timedelta(seconds=1),
        raw_data=b'{"text": "' + b"x" * 400 + b'"}',
    )
    return {"recorder": rows.recorder_id, "position": position, "trade": trade, "signal": signal}


class Browser:
    """Chromium, signed in, with what it complains about."""

    def __init__(self, site: Site, driver: webdriver.Chrome) -> None:
        self.site = site
        self.driver = driver

    def sign_in(self, name: str = "trader") -> None:
        self.driver.get(self.site.url("/login"))
        self.driver.find_element(By.NAME, "name").send_keys(name)
        self.driver.find_element(By.NAME, "password").send_keys(PASSWORD, Keys.ENTER)
        self.wait(lambda: not self.driver.current_url.endswith("/login"))

    def wait(self, holds: Callable[[], bool], seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, "it did not come about in time"
            time.sleep(0.05)

    def open(self, path: str, width: int = 1440) -> None:
        measures = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", measures)
        self.driver.get(self.site.url(path))

    def appearance(self, value: str) -> None:
        self.driver.add_cookie({"name": "appearance", "value": value, "path": "/"})

    def text(self, selector: str) -> str | None:
        """In one step: between finding an element and reading it a live page may replace it."""
        script = "return document.querySelector(arguments[0])?.textContent"
        found: str | None = self.driver.execute_script(script, selector)
        return found

    def type_in(self, field: str, text: str) -> None:
        element = self.driver.find_element(By.NAME, field)
        element.clear()
        element.send_keys(text)

    def submit(self, words: str) -> None:
        """Press the button with these words; far down a page it is under the bar of a phone, not of a script."""
        button = self.driver.find_element(By.XPATH, f"//main//button[normalize-space()='{words}']")
        self.driver.execute_script("arguments[0].click()", button)

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in {"SEVERE", "WARNING"}]


@pytest.fixture
def browser(site: Site, tmp_path: Path) -> Iterator[Browser]:
    yield from _started(site, tmp_path)


@pytest.fixture
def browser_without_scripts(site: Site, tmp_path: Path) -> Iterator[Browser]:
    yield from _started(site, tmp_path, {"profile.managed_default_content_settings.javascript": 2})


def _started(site: Site, profile: Path, preferences: dict[str, int] | None = None) -> Iterator[Browser]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", preferences or {})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    try:
        yield Browser(site, driver)
    finally:
        driver.quit()


@pytest.mark.parametrize(("theme", "widths"), [("light", WIDTHS), ("dark", WIDTHS[:1])])  # a theme is colours alone
def test_no_page_complains_or_scrolls_sideways_at_any_width(
    browser: Browser, theme: str, widths: Sequence[int]
) -> None:
    browser.sign_in()
    browser.appearance(f"{theme}.standard")
    wide = []
    for path in (*PAGES, *DETAILS):
        for width in widths:
            browser.open(path, width)
            browser.driver.execute_script("document.querySelector('.feed').textContent = arguments[0]", LONGEST_STATE)
            if browser.driver.execute_script("return document.documentElement.scrollWidth > innerWidth"):
                wide.append(f"{path} at {width}")

    assert wide == []
    assert browser.complaints() == []


@pytest.mark.parametrize("appearance", ["light.standard", "dark.standard", "light.blind", "dark.blind"])
def test_axe_finds_nothing_to_object_to(browser: Browser, appearance: str) -> None:
    axe = files("axe_core_python").joinpath("axe.min.js").read_text()
    browser.sign_in()
    browser.appearance(appearance)
    found = []
    for path in (*PAGES, *DETAILS):
        for width in (390, 1440) if appearance == "light.standard" else (1440,):  # colours do not depend on it
            browser.open(path, width)
            browser.driver.execute_script(axe)
            result = browser.driver.execute_async_script("axe.run().then(arguments[0])")
            found += [
                f"{path} at {width}: {each['id']}: {each['nodes'][0]['html'][:150]}" for each in result["violations"]
            ]

    assert found == []


def test_a_newcomers_pages_have_nothing_to_object_to_either(browser: Browser) -> None:
    axe = files("axe_core_python").joinpath("axe.min.js").read_text()
    browser.open("/login")
    browser.driver.execute_script(axe)
    found = browser.driver.execute_async_script("axe.run().then(arguments[0])")["violations"]
    browser.sign_in("newcomer")
    for path in ("/", "/positions", "/trades", "/signals", "/recorders", "/recorders/new"):
        browser.open(path, 390)
        browser.driver.execute_script(axe)
        found += browser.driver.execute_async_script("axe.run().then(arguments[0])")["violations"]

    assert [each["id"] for each in found] == []
    assert browser.complaints() == []


def test_live_cells_follow_the_ticks_in_every_tab_over_one_stream(browser: Browser, site: Site) -> None:
    cell = f'[data-live="p{site.ids["position"]}.pnl"]'
    browser.sign_in()
    browser.open("/")
    site.tick("25601.00")
    browser.wait(lambda: browser.text(cell) == "+$4.00")
    browser.driver.get_log("performance")
    first = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("tab")
    browser.open("/positions")
    second = browser.driver.current_window_handle

    for price, result in (("25610.00", "+$40.00"), ("25590.25", "−$39.00")):  # noqa: RUF001 - a true minus sign
        site.tick(price)
        for tab in (first, second):
            browser.driver.switch_to.window(tab)
            browser.wait(lambda result=result: browser.text(cell) == result)

    assert browser.text(f'{cell}[data-tone="loss"]') is not None
    assert _streams(browser) == 0
    browser.driver.switch_to.window(first)
    browser.driver.close()
    browser.driver.switch_to.window(second)
    site.tick("25604.00")
    browser.wait(lambda: browser.text(cell) == "+$16.00")
    assert browser.complaints() == []


def test_a_stop_that_trails_is_seen_to_move_on_every_page_that_shows_it(browser: Browser, site: Site) -> None:
    cell = f'[data-live="p{site.ids["position"]}.stop"]'
    browser.sign_in()
    for number, path in enumerate(("/positions", "/positions/{position}", "/")):
        browser.open(path)
        price = 25612 + number
        before = browser.text(cell)
        site.tick(f"{price}.00")
        browser.wait(lambda stop=f"{price - 20:,}.00": browser.text(cell) == stop)
        site.tick("25600.00")
        assert before != browser.text(cell)

    assert browser.text(f'[data-live="p{site.ids["position"]}.stop.reason"]') == "Trailing stop"
    assert browser.text(f'[data-live="p{site.ids["position"]}.target"]') == "25,650.00 for 1"
    assert browser.complaints() == []


def _streams(browser: Browser) -> int:
    """How many live streams the tabs have asked for since this was last read."""
    sent = [json.loads(entry["message"])["message"] for entry in browser.driver.get_log("performance")]
    asked = [each["params"]["request"]["url"] for each in sent if each["method"] == "Network.requestWillBeSent"]
    return sum(url.endswith("/live") for url in asked)


def test_a_position_that_opens_appears_by_itself(browser: Browser, engine: Engine) -> None:
    browser.sign_in()
    browser.open("/positions")
    with engine.begin() as connection:
        rows = add_recorder(connection, 1, "Late riser")
        late = rows.position(ticker="MES1!", side="SHORT")

    browser.wait(lambda: bool(browser.driver.find_elements(By.CSS_SELECTOR, f'a[href="/positions/{late}"]')))
    assert browser.complaints() == []


def test_a_newcomer_makes_a_recorder_tries_its_message_sends_an_alert_and_sees_the_trade(
    browser: Browser, site: Site, engine: Engine
) -> None:
    site.tick("25600.00")
    browser.sign_in("newcomer")
    browser.open("/recorders")
    browser.driver.find_element(By.LINK_TEXT, "Add a recorder").click()
    browser.type_in("name", "First steps")
    browser.type_in("symbol", "MNQ1!")
    browser.submit("Add recorder")
    browser.wait(lambda: browser.text("h1") == "First steps")
    url = str(browser.text('[aria-label="Webhook URL"]'))
    pasted = str(browser.text('[aria-label="Strategy alert"]'))

    browser.driver.find_element(By.LINK_TEXT, "Try it").click()
    browser.submit("Try it")
    browser.wait(lambda: browser.text("#answer") is not None)
    sent = str(browser.text('[aria-label="The alert with its placeholders filled in"]'))
    assert "{{" in pasted
    assert "{{" not in sent
    assert "Would be recorded" in str(browser.text(".answer"))
    assert "Buys 1 MNQ1!" in str(browser.text(".answer"))
    browser.open("/trades")
    assert "No trade yet" in str(browser.text("#main"))

    with urlopen(Request(url, data=sent.encode(), method="POST")) as answer:  # noqa: S310 - our own server
        assert json.load(answer)["status"] == "accepted"
    with engine.connect() as connection:
        made = connection.execute(select(recorders.c.id).where(recorders.c.name == "First steps")).scalar_one()
    catch_up(engine, site.redis, [made])
    browser.open("/trades")

    assert "25,600.00" in str(browser.text("#main tbody"))
    assert browser.complaints() == []


def test_every_page_works_with_scripts_off(browser_without_scripts: Browser, site: Site) -> None:
    browser = browser_without_scripts
    browser.sign_in()
    browser.open("/trades")
    browser.driver.find_element(By.LINK_TEXT, "Profit").click()
    assert "sort=-profit" in browser.driver.current_url
    browser.driver.find_element(By.CSS_SELECTOR, "#filter-side").send_keys("Short")
    browser.driver.find_element(By.CSS_SELECTOR, ".filters button").click()
    browser.wait(lambda: "side=SHORT" in browser.driver.current_url)
    assert {each.text for each in browser.driver.find_elements(By.CSS_SELECTOR, "td:nth-child(6)")} == {"Short"}
    browser.driver.find_element(By.CSS_SELECTOR, 'footer button[value="dark"]').click()
    browser.wait(lambda: browser.text('html[data-theme="dark"] h1') == "Trades")
    assert "side=SHORT" in browser.driver.current_url
    browser.open(f"/recorders/{site.ids['recorder']}")
    browser.driver.find_element(By.LINK_TEXT, "Stop recording").click()
    browser.driver.find_element(By.CSS_SELECTOR, "main button").click()
    assert "Recording is off" in str(browser.text("[role=status]"))
    assert not any(each.is_displayed() for each in browser.driver.find_elements(By.CSS_SELECTOR, ".copy"))


def test_the_first_load_is_small(browser: Browser) -> None:
    browser.sign_in()
    browser.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    browser.open("/")

    sizes = browser.driver.execute_script(
        "return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".filter(entry => !entry.name.endsWith('/live')).map(entry => entry.encodedBodySize)"
    )

    assert 20_000 < sum(sizes) < MOST_BYTES


def test_the_keyboard_reaches_the_content_the_pages_and_the_filters(browser: Browser) -> None:
    browser.sign_in()
    browser.open("/")
    body = browser.driver.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert browser.driver.switch_to.active_element.text == "Skip to the content"

    body.send_keys("g", "t")
    browser.wait(lambda: browser.text("h1") == "Trades")
    browser.driver.find_element(By.TAG_NAME, "body").send_keys("/")
    assert browser.driver.switch_to.active_element.get_attribute("id") == "filter-recorder"
