"""A source of live prices for a command, without database and Redis: the commands that try or save a feed share it."""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.environment import settings_of
from cli.refusals import Refused
from shared.settings import DATABASE_SCHEME, REDIS_SCHEMES

if TYPE_CHECKING:
    from services.price_feed.sources.venue_source import VenueSource
    from shared.domain.contracts import Contract

NOT_USED = {
    "DATABASE_URL": DATABASE_SCHEME,
    "REDIS_URL": REDIS_SCHEMES[0],
    "SECRET_KEY": "not used by this command" * 2,
}


@contextmanager
def live_source(feed: str, symbols: Sequence[str]) -> Iterator["VenueSource"]:
    """Follow symbols at live venues, for the length of a `with` block; refuses what is no venue or no symbol."""
    from services.price_feed.sources.subscriptions import FeedRules
    from services.price_feed.sources.venue_source import VenueSource
    from services.price_feed.sources.venues import open_venues
    from shared.settings import SettingsError

    # What the log would say is said in sentences by whats_wrong(); without a handler its bare events come between them.
    logging.getLogger("services").addHandler(logging.NullHandler())
    settings = settings_of(NOT_USED | os.environ | {"FEED": feed})
    wanted = resolved(symbols)
    try:
        venues = open_venues(settings)
    except SettingsError as error:
        raise Refused(str(error)) from error
    rules = FeedRules(jump_percent=settings.feed_jump_percent)
    source = VenueSource(venues, lambda: wanted, rules=rules)
    try:
        yield source
    finally:
        source.close()


def resolved(symbols: Sequence[str]) -> dict[str, "Contract"]:
    """Bring symbols to their normal form, each with its packaged contract; refuses one that no contract fits."""
    from shared.contracts_file import packaged_contracts
    from shared.domain.symbols import UnknownSymbol, normalize_symbol

    contracts, now = packaged_contracts(), time.time_ns()
    try:
        found = [normalize_symbol(text, occurred_at=now, contracts=contracts) for text in symbols]
    except UnknownSymbol as error:
        raise Refused(f"{error}: `recorder feed` knows the contracts that come with the program.") from error
    return {each.symbol: each.contract for each in found}


def whats_wrong(source: "VenueSource") -> list[str]:
    """Say in sentences why prices do not come, as far as the source knows."""
    status = source.status()
    sentences = [_trouble(line) for line in _rows(status["sources"])]
    return [sentence for sentence in (*sentences, *map(_missing, _rows(status["symbols"]))) if sentence]


def _rows(rows: object) -> list[dict[str, object]]:
    return rows if isinstance(rows, list) else []


def _trouble(line: dict[str, object]) -> str:
    if line["trouble"]:
        return f"{line['source']}: {line['trouble']}"
    return "" if line["state"] in {"live", "idle"} else f"{line['source']} is {line['state']}."


def _missing(symbol: dict[str, object]) -> str:
    name = symbol["symbol"]
    sentences = {
        "unserved": f"{name}: no source that was named has it.",
        "closed": f"{name}: its market is closed now.",
        "stale": f"{name}: connected, but its market says nothing although it is open.",
        "waiting": f"{name}: asked for, but no price came yet.",
    }
    return sentences.get(str(symbol["state"]), "")
