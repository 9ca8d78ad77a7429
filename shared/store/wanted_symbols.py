"""Which symbols somebody needs prices of: those of active recorders and of open positions."""

from collections.abc import Collection

from sqlalchemy import Connection, select, union
from sqlalchemy.dialects.postgresql import distinct_on

from shared.domain.contracts import Contract
from shared.domain.symbols import UnknownSymbol, normalize_symbol
from shared.store.contracts import CONTRACT_FACTS, read_contract
from shared.store.tables import contracts, recorder_positions, recorders


def load_wanted_symbols(connection: Connection, always: Collection[str], at: int) -> dict[str, Contract]:
    """Load the symbols that are needed now, and those of `always`, each with its contract; others are left out.

    Ticks are everybody's: a packaged contract says their grid, a user's own one only where there is no other.
    """
    known = _contracts_by_root(connection)
    active = select(recorders.c.symbol).where(recorders.c.recording_enabled, recorders.c.symbol.is_not(None))
    held = select(recorder_positions.c.ticker).where(recorder_positions.c.status == "open")
    texts = [*always, *connection.execute(union(active, held)).scalars()]
    wanted: dict[str, Contract] = {}
    for text in texts:
        try:
            resolved = normalize_symbol(text, occurred_at=at, contracts=known)
        except UnknownSymbol:
            continue  # said where it was typed: in the recorder's form, or at the start of the feed
        wanted[resolved.symbol] = resolved.contract
    return wanted


def _contracts_by_root(connection: Connection) -> dict[str, Contract]:
    order = (contracts.c.root, contracts.c.user_id.asc().nulls_first(), contracts.c.id.desc())
    rows = connection.execute(select(*CONTRACT_FACTS).ext(distinct_on(contracts.c.root)).order_by(*order)).mappings()
    return {row["root"]: read_contract(row) for row in rows}
