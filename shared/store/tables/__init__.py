"""The tables of the recorder; what they mean is in docs/semantics.md, how they change is in migrations/.

Prices and money are NUMERIC without a scale, so that Postgres keeps them exactly as the core computed them.
Places in the tick log are bigint (`shared.domain.places`).
"""

from shared.store.tables.columns import metadata
from shared.store.tables.owners import contracts, users
from shared.store.tables.positions import position_legs, recorder_positions
from shared.store.tables.recording import recorder_settings, recorders
from shared.store.tables.results import result_days, result_scopes, result_totals, unsettled_days
from shared.store.tables.signals import recorded_signals
from shared.store.tables.trades import recorded_trades

__all__ = [
    "contracts",
    "metadata",
    "position_legs",
    "recorded_signals",
    "recorded_trades",
    "recorder_positions",
    "recorder_settings",
    "recorders",
    "result_days",
    "result_scopes",
    "result_totals",
    "unsettled_days",
    "users",
]
