"""The demo: recorders with different settings, and alerts posted to their webhooks as TradingView would."""

import heapq
import logging
import os
import random
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from cli.demo_alerts import DEMO_RECORDERS, DemoRecorder, Moment, Step
from cli.environment import settings_of
from cli.first_user import FIRST_USER
from cli.web_client import NoAnswer, is_ready, post_signal, webhook_url
from shared.domain.timestamps import NS_PER_SECOND
from shared.logs import configure_logging, log_event
from shared.settings import Settings

if TYPE_CHECKING:
    from redis import Redis

LOOK_EVERY_SECONDS = 0.5
FRESH_NS = 60 * NS_PER_SECOND  # a strategy sends no alert on a chart that stands still

logger = logging.getLogger(__name__)


@click.command(hidden=True)
def demo() -> None:
    """Add the demo's recorders if its user has none, and send them alerts."""
    from shared.bus.connection import connect_redis

    settings = settings_of(os.environ)
    configure_logging(settings.log_level)
    addresses = _webhooks(settings)
    client = connect_redis(settings.redis_url, retries=True)
    ours = [recorder for recorder in DEMO_RECORDERS if recorder.settings["name"] in addresses]
    if not ours:
        log_event(logger, "no_demo_recorders", user=FIRST_USER)
        signal.pause()  # `recorder up` would take an end for a crash
    while not is_ready(settings.port):
        time.sleep(LOOK_EVERY_SECONDS)
    for recorder, step in _in_time(ours):
        moment = _moment(client, recorder.settings["symbol"])
        if moment is not None:
            _send(recorder, addresses[recorder.settings["name"]], step.body(moment))


def _webhooks(settings: Settings) -> dict[str, str]:
    """Give the webhook addresses of the user's recorders by name; a user without any gets the demo's."""
    from shared.domain.recorder_settings import parse_recorder_settings
    from shared.store.database import connect_database
    from shared.store.recorders import create_recorder, list_recorders
    from shared.store.users import find_user_by_name
    from shared.tokens import TokenCipher

    cipher = TokenCipher(settings.secret_key)
    engine = connect_database(settings.database_url, application="demo", pool_size=1)
    with engine.begin() as connection:
        user = find_user_by_name(connection, FIRST_USER)
        if user is None:
            return {}
        if not list_recorders(connection, user.id):
            for demo_recorder in DEMO_RECORDERS:
                create_recorder(connection, user.id, parse_recorder_settings(demo_recorder.settings), cipher)
        tokens = {each.name: each.webhook_token_encrypted for each in list_recorders(connection, user.id)}
    engine.dispose()
    return {name: webhook_url(settings.port, cipher.decrypt(token)) for name, token in tokens.items()}


def _in_time(recorders: list[DemoRecorder]) -> Iterator[tuple[DemoRecorder, Step]]:
    """Give each recorder's steps when they are due, for ever; the first ones a second apart."""
    rng = random.Random()  # noqa: S311 - a demo's whims
    scripts = [recorder.script(rng) for recorder in recorders]
    due = [(time.monotonic() + number, number, next(script)) for number, script in enumerate(scripts)]
    while due:
        moment, number, step = heapq.heappop(due)
        time.sleep(max(0.0, moment - time.monotonic()))
        yield recorders[number], step
        following = next(scripts[number])
        heapq.heappush(due, (time.monotonic() + following.wait_seconds, number, following))


def _moment(client: "Redis", symbol: str) -> Moment | None:
    from shared.bus.connection import CONNECTION_LOST
    from shared.bus.tick_log import read_heads

    try:
        last = read_heads(client, [symbol]).ticks.get(symbol)
    except CONNECTION_LOST:
        return None
    if last is None or time.time_ns() - last.occurred_at > FRESH_NS:
        return None
    return Moment(symbol=symbol, price=str(last.price), time=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z")


def _send(recorder: DemoRecorder, address: str, body: str) -> None:
    try:
        status, answer = post_signal(address, body)
    except NoAnswer as error:
        log_event(logger, "alert_lost", level=logging.WARNING, recorder=recorder.settings["name"], reason=str(error))
        return
    log_event(logger, "alert_sent", recorder=recorder.settings["name"], body=body, status=status, answer=answer)
