"""What was booked, as pages and programs are shown it: trading days, each settled by the first who looks after it.

Each reads on a connection of its own: who calls them holds none, lest those who hold one all wait for a second.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import chain

from services.web.backend import backend
from shared.domain.performance import EquityPoint, equity_curve
from shared.domain.result_days import ResultDay, curve_of_days
from shared.store.audit_rows import begin_snapshot
from shared.store.result_days import Scope, load_result_days, settle_days
from shared.store.results import load_closings

MOST_STEPS = 2000  # a chart is less than a thousand units wide


def read_days(scopes: Collection[Scope]) -> Mapping[Scope, Sequence[ResultDay]]:
    """Read the trading days of some scopes, which the caller knows to be the user's."""
    has_more = True
    while has_more:
        with backend().engine.begin() as connection:
            has_more = settle_days(connection, scopes)
    with backend().engine.connect() as connection:
        begin_snapshot(connection)
        return load_result_days(connection, scopes)


def read_curve(scope: Scope, days: Sequence[ResultDay]) -> Sequence[EquityPoint]:
    """Read the equity curve of days in one currency: a step for each closing, or for each day where these are many."""
    if sum(day.trades for day in days) > MOST_STEPS:
        return curve_of_days(days)
    with backend().engine.connect() as connection:
        return equity_curve(chain.from_iterable(load_closings(connection, scope).values()))
