"""What was booked, as pages and programs are shown it: trading days, and the curve that they make.

Each reads on a connection of its own: who calls them holds none, lest those who hold one all wait for a second.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import chain

from services.web.backend import backend
from shared.domain.performance import EquityPoint, equity_curve
from shared.domain.result_days import ResultDay, curve_of_days
from shared.store.audit_rows import begin_snapshot
from shared.store.result_days import Scope, load_result_days
from shared.store.results import load_closings

MOST_STEPS = 2000  # a chart is less than a thousand units wide
ADDING_UP = "a long history is being added up, which takes a minute or two"


def read_days(scopes: Collection[Scope], in_total: Collection[Scope] = ()) -> Mapping[Scope, Sequence[ResultDay]]:
    """Read the trading days of some scopes, which the caller knows to be the user's; totals where these will do.

    A scope is missing while its history is being added up.
    """
    with backend().engine.connect() as connection:
        begin_snapshot(connection)
        return load_result_days(connection, scopes, backend().courses, in_total=in_total)


def steps_by_day(days: Sequence[ResultDay]) -> bool:
    """Whether a curve has steps of days, because its closings are many."""
    return sum(day.trades for day in days) > MOST_STEPS


def read_curve(scope: Scope, days: Sequence[ResultDay]) -> Sequence[EquityPoint]:
    """Read the equity curve of days in one currency: a step for each closing, or for each day where these are many."""
    if steps_by_day(days):
        return curve_of_days(days)
    with backend().engine.connect() as connection:
        return equity_curve(chain.from_iterable(load_closings(connection, scope).values()))
