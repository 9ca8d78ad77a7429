"""Keeps up with which symbols anybody needs, in a thread of its own: no tick ever waits for the database."""

import logging
import threading
import time
from collections.abc import Mapping

from shared.contracts_file import packaged_contracts
from shared.domain.contracts import Contract
from shared.domain.symbols import UnknownSymbol, normalize_symbol
from shared.logs import log_event
from shared.settings import Settings, SettingsError
from shared.store.database import DATABASE_LOST, Engine, connect_database
from shared.store.wanted_symbols import load_wanted_symbols

LOOK_EVERY_SECONDS = 2.0

logger = logging.getLogger(__name__)


class WantedSymbols:
    """The last list that Postgres gave; before the first one, FEED_SYMBOLS."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingsError if no contract fits one of FEED_SYMBOLS."""
        self._always = settings.feed_symbols
        self._current = _resolved(self._always)
        self._database_url = settings.database_url
        self._was_lost = False

    def current(self) -> Mapping[str, Contract]:
        """Return the symbols to follow, each with its contract."""
        return self._current

    def keep_up(self, stopping: threading.Event) -> None:
        """Look every two seconds, until told to stop; while Postgres is away, the last list stands."""
        engine = connect_database(self._database_url, application="price-feed", pool_size=1)
        try:
            while not stopping.is_set():
                self._look(engine)
                stopping.wait(LOOK_EVERY_SECONDS)
        finally:
            engine.dispose()

    def _look(self, engine: Engine) -> None:
        try:
            with engine.connect() as connection:
                self._current = load_wanted_symbols(connection, self._always, time.time_ns())
        except DATABASE_LOST as error:
            if not self._was_lost:
                reason = str(error).splitlines()[0]
                log_event(logger, "wanted_symbols_kept", level=logging.WARNING, reason=reason)
            self._was_lost = True
        else:
            self._was_lost = False


def _resolved(texts: tuple[str, ...]) -> dict[str, Contract]:
    try:
        resolved = [
            normalize_symbol(text, occurred_at=time.time_ns(), contracts=packaged_contracts()) for text in texts
        ]
    except UnknownSymbol as error:
        raise SettingsError(f"FEED_SYMBOLS is {','.join(texts)!r}: {error}.") from error
    return {each.symbol: each.contract for each in resolved}
