"""Who watches which symbol, as advisory locks of sessions; it decides nothing.

A lock ends with its session, and a session ends with its process. One that went quiet is ended by the server.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, TextClause, text

from shared.store.database import DATABASE_LOST

QUIET_FOR_MS = 3000  # then the session is ended; whoever holds leases must say something more often than that

_MEMBERS = 3  # the class of the advisory lock that each member shares; intake has 1 and 2
_SYMBOLS = 7_001_002  # the seed of the hashes by which symbols are locked


@dataclass(frozen=True, slots=True, kw_only=True)
class Leases:
    """The members by the number of their session, and of each symbol with open positions who holds it, if anybody."""

    me: int
    members: frozenset[int]
    holders: Mapping[str, int | None]


class SymbolLeases:
    """One member's session, made when first used; whoever loses it has lost all leases, and joins anew with a new one.

    Each call raises one of DATABASE_LOST if that happens.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._session: Connection | None = None

    def look(self) -> Leases:
        """Read who holds what: a moment later it may be different."""
        (joined,) = self._execute(_MEMBERS_NOW, {"members": _MEMBERS})
        rows = self._execute(_HOLDERS_NOW, {"symbols": _SYMBOLS})
        return Leases(me=joined.me, members=frozenset(joined.members), holders={row.symbol: row.holder for row in rows})

    def take(self, symbols: Collection[str]) -> set[str]:
        """Lease those of these symbols that nobody holds, none of which may be ours; returns them."""
        rows = self._execute(_TAKE, {"wanted": sorted(symbols), "symbols": _SYMBOLS}) if symbols else ()
        return {row.symbol for row in rows if row.taken}

    def release(self, symbols: Collection[str]) -> None:
        """Let go of symbols of ours."""
        if symbols:
            self._execute(_RELEASE, {"ours": sorted(symbols), "symbols": _SYMBOLS})

    def renew(self) -> None:
        """Say something, so that the session goes on."""
        self._execute(_RENEW, {})

    def close(self) -> None:
        """Let go of everything."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _execute(self, statement: TextClause, parameters: Mapping[str, Any]) -> list[Row[Any]]:
        try:
            return list((self._session or self._join()).execute(statement, parameters))
        except DATABASE_LOST:
            self.close()
            raise

    def _join(self) -> Connection:
        self._session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._session.detach()  # closing it ends the session, instead of giving it back to the pool with its locks
        self._session.execute(_JOIN, {"quiet": f"{QUIET_FOR_MS}ms", "members": _MEMBERS})
        return self._session


_JOIN = text("SELECT set_config('idle_session_timeout', :quiet, false), pg_advisory_lock_shared(:members, 0)")
_RENEW = text("SELECT 1")
_MEMBERS_NOW = text(
    """
    SELECT pg_backend_pid() AS me, array_agg(pid) AS members FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2 AND classid = :members AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
)
_HOLDERS_NOW = text(
    """
    WITH RECURSIVE open AS (  -- from one symbol to the next by the index, however many positions each has
        (SELECT ticker FROM recorder_positions WHERE status = 'open' ORDER BY ticker LIMIT 1)
        UNION ALL
        SELECT (
            SELECT ticker FROM recorder_positions
            WHERE status = 'open' AND ticker > open.ticker ORDER BY ticker LIMIT 1
        ) FROM open WHERE open.ticker IS NOT NULL
    )
    SELECT open.ticker AS symbol, pg_locks.pid AS holder FROM open LEFT JOIN pg_locks
      ON locktype = 'advisory' AND objsubid = 1 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (classid::bigint << 32) | objid::bigint = hashtextextended(open.ticker, :symbols)
    WHERE open.ticker IS NOT NULL
    """
)
_TAKE = text(
    """
    SELECT symbol, pg_try_advisory_lock(hashtextextended(symbol, :symbols)) AS taken
    FROM unnest(CAST(:wanted AS text[])) symbol
    """
)
_RELEASE = text(
    """
    SELECT pg_advisory_unlock(hashtextextended(symbol, :symbols)) FROM unnest(CAST(:ours AS text[])) symbol
    """
)
