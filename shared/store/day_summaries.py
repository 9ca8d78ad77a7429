"""What trading days came to, computed by Postgres from trades and legs: the queries, executed elsewhere.

The tests hold them against `tests/single_results.py`, which does the same from single trades and legs.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from shared.domain.trading_day import trading_day_start

DAY = "CAST({at} AT TIME ZONE 'America/New_York' + interval '6 hours' AS date)"  # as shared.domain.trading_day has it
# When the leg of an open position began, of which the column has nanoseconds.
STARTED = "timestamptz 'epoch' + CAST(p.totals ->> 'leg_started_at' AS bigint) / 1000 * interval '1 microsecond'"
# As they are indexed.
CLOSED = "coalesce(t.exit_time, 'infinity')"
_POSITION_CLOSED = "coalesce(p.closed_at, 'infinity')"
# What an open position `p` was worth at its lowest since its last fill, after what it booked.
LOTS_HELD = """
    CROSS JOIN LATERAL (
        SELECT CASE p.side WHEN 'LONG' THEN 1 ELSE -1 END AS direction,
            sum(CAST(lot ->> 'entry_price' AS numeric) * CAST(lot ->> 'quantity' AS integer)) AS value
        FROM jsonb_array_elements(p.entries) lot
    ) held
"""
LOWEST_WHILE_OPEN = """
    p.realized_pnl + multiplier * least(
        direction * (coalesce(lowest_since_fill * p.total_quantity, value) - value),
        direction * (coalesce(highest_since_fill * p.total_quantity, value) - value)
    )
"""
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Some time, and whose results in it are asked for: those of one recorder, or with None of all of a user's."""

    scope_id: int
    user_id: int
    recorder_id: int | None
    begins: datetime
    ends: datetime


def day_hours(first: date, last: date | None = None) -> tuple[datetime, datetime]:
    """Return when a trading day, or the first of several, begins, and when it, or the last of them, ends."""
    return trading_day_start(first), trading_day_start((last or first) + _ONE_DAY)


# The planner cannot look into `wanted`: the first of all beginnings and the last of all ends tell it how few rows are
# meant.
_WANTED = """
    SELECT * FROM unnest(
        CAST(:scopes AS bigint[]), CAST(:owners AS bigint[]),
        CAST(:begins AS timestamptz[]), CAST(:ends AS timestamptz[])
    ) wanted(scope_id, owner, begins, ends)
"""
# Closed trades, those of one moment together, and the booked results after each, counted from the day's start.
_CLOSINGS = f"""
    SELECT scope_id, currency, {DAY.format(at="t.exit_time")} AS day, t.exit_time AS at, sum(pnl) AS pnl,
        count(*) AS trades, count(*) FILTER (WHERE pnl > 0) AS wins,
        coalesce(sum(pnl) FILTER (WHERE pnl > 0), 0) AS won, coalesce(-sum(pnl) FILTER (WHERE pnl < 0), 0) AS lost
    FROM wanted
    JOIN recorded_trades t ON t.status = 'closed' AND t.voided_by IS NULL AND {CLOSED} >= :first AND {CLOSED} < :last
        {{of_trade}}
    JOIN recorder_positions p ON p.id = t.position_id
    JOIN contracts ON contracts.id = p.contract_id
    GROUP BY scope_id, currency, t.exit_time
"""
_EQUITY = """
    SELECT *, sum(pnl) OVER (PARTITION BY scope_id, currency, day ORDER BY at) AS equity FROM closings
"""
_EQUITY_PEAKS = """
    SELECT *, greatest(0, max(equity) OVER (PARTITION BY scope_id, currency, day ORDER BY at)) AS peak FROM equity
"""
_BOOKED = """
    SELECT scope_id, currency, day, CAST(sum(trades) AS integer) AS trades, CAST(sum(wins) AS integer) AS wins,
        sum(won) AS won, sum(lost) AS lost,
        max(equity) AS equity_high, min(equity) AS equity_low, max(peak - equity) AS equity_fall,
        max(at) AS last_closed_at
    FROM equity_peaks GROUP BY scope_id, currency, day
"""
# What changes for a position from one moment on: its lowest result until the next one, and what it has booked.
_STEPS = f"""
    SELECT scope_id, currency, p.opened_at, p.opened_by, p.id AS position_id, l.number, l.started_at AS at,
        l.lowest_result - coalesce(before.lowest_result, 0) AS low,
        l.realized_before - coalesce(before.realized_before, 0) AS booked,
        CASE WHEN before.number IS NULL THEN 1 ELSE 0 END AS open, 0 AS gap_seconds, false AS unseen
    FROM wanted
    JOIN position_legs l
        ON l.started_at >= :first AND l.started_at < :last AND l.started_at >= begins AND l.started_at < ends
    JOIN recorder_positions p
        ON p.id = l.position_id AND p.voided_by IS NULL AND {_POSITION_CLOSED} >= begins {{of_position}}
    JOIN contracts ON contracts.id = p.contract_id
    LEFT JOIN position_legs before ON before.position_id = p.id AND before.number = l.number - 1
    UNION ALL
    SELECT scope_id, currency, p.opened_at, p.opened_by, p.id, coalesce(last.number, 0) + 1, p.closed_at,
        p.realized_pnl - coalesce(last.lowest_result, 0), p.realized_pnl - coalesce(last.realized_before, 0),
        CASE WHEN last.number IS NULL THEN 0 ELSE -1 END, p.gap_seconds, p.ticks_seen = 0
    FROM wanted
    JOIN recorder_positions p
        ON p.voided_by IS NULL AND {_POSITION_CLOSED} >= :first AND {_POSITION_CLOSED} < :last
        AND {_POSITION_CLOSED} >= begins AND {_POSITION_CLOSED} < ends {{of_position}}
    JOIN contracts ON contracts.id = p.contract_id
    LEFT JOIN LATERAL (
        SELECT number, lowest_result, realized_before FROM position_legs
        WHERE position_id = p.id ORDER BY number DESC LIMIT 1
    ) last ON true
    UNION ALL
    SELECT scope_id, currency, p.opened_at, p.opened_by, p.id, leg.number, leg.started_at,
        {LOWEST_WHILE_OPEN} - coalesce(before.lowest_result, 0),
        p.realized_pnl - coalesce(before.realized_before, 0),
        CASE WHEN before.number IS NULL THEN 1 ELSE 0 END, p.gap_seconds, false
    FROM wanted
    JOIN recorder_positions p ON p.status = 'open' AND p.voided_by IS NULL {{of_position}}
    JOIN contracts ON contracts.id = p.contract_id
    CROSS JOIN LATERAL (
        SELECT CAST(p.totals ->> 'leg' AS integer) AS number, {{started}} AS started_at
    ) leg
    {LOTS_HELD}
    LEFT JOIN position_legs before ON before.position_id = p.id AND before.number = leg.number - 1
    WHERE leg.started_at >= begins AND leg.started_at < ends
"""
_COURSE = f"""
    SELECT scope_id, currency, {DAY.format(at="at")} AS day, at, opened_at, opened_by, position_id, number,
        gap_seconds, unseen,
        sum(low) OVER so_far AS low, sum(booked) OVER so_far AS booked, sum(open) OVER so_far AS open
    FROM steps
    WINDOW so_far AS (
        PARTITION BY scope_id, currency, {DAY.format(at="at")} ORDER BY at, opened_at, opened_by, position_id, number
        ROWS UNBOUNDED PRECEDING
    )
"""
_COURSE_PEAKS = """
    SELECT *, greatest(0, max(booked) OVER so_far) - low AS fall, row_number() OVER so_far AS moment
    FROM course
    WINDOW so_far AS (
        PARTITION BY scope_id, currency, day ORDER BY at, opened_at, opened_by, position_id, number
        ROWS UNBOUNDED PRECEDING
    )
"""
_MARKED = """
    SELECT scope_id, currency, day,
        (array_agg(low ORDER BY moment DESC))[1] AS low_change, min(low) AS low_lowest,
        (array_agg(open ORDER BY low, moment))[1] AS open_at_lowest,
        (array_agg(booked ORDER BY moment DESC))[1] AS booked_change, max(booked) AS booked_high,
        max(fall) AS fall, (array_agg(open ORDER BY fall DESC, moment))[1] AS open_at_fall,
        (array_agg(open ORDER BY moment DESC))[1] AS open_change,
        count(*) FILTER (WHERE gap_seconds > 0) AS gaps, max(gap_seconds) AS longest_gap_seconds,
        count(*) FILTER (WHERE unseen) AS unseen
    FROM course_peaks GROUP BY scope_id, currency, day
"""
_DAYS = """
    SELECT scope_id, day, currency,
        coalesce(trades, 0) AS trades, coalesce(wins, 0) AS wins, coalesce(won, 0) AS won, coalesce(lost, 0) AS lost,
        coalesce(equity_high, 0) AS equity_high, coalesce(equity_low, 0) AS equity_low,
        coalesce(equity_fall, 0) AS equity_fall, last_closed_at,
        coalesce(low_change, 0) AS low_change, coalesce(low_lowest, 0) AS low_lowest,
        coalesce(open_at_lowest, 0) AS open_at_lowest, coalesce(booked_change, 0) AS booked_change,
        coalesce(booked_high, 0) AS booked_high, coalesce(fall, 0) AS fall, coalesce(open_at_fall, 0) AS open_at_fall,
        coalesce(open_change, 0) AS open_change, coalesce(gaps, 0) AS gaps,
        coalesce(longest_gap_seconds, 0) AS longest_gap_seconds, coalesce(unseen, 0) AS unseen
    FROM booked FULL JOIN marked USING (scope_id, currency, day)
"""


def _summaries(of_trade: str, of_position: str) -> str:
    parts = {
        "wanted": _WANTED,
        "closings": _CLOSINGS.format(of_trade=of_trade),
        "equity": _EQUITY,
        "equity_peaks": _EQUITY_PEAKS,
        "booked": _BOOKED,
        "steps": _STEPS.format(of_position=of_position, started=STARTED),
        "course": _COURSE,
        "course_peaks": _COURSE_PEAKS,
        "marked": _MARKED,
    }
    return "WITH " + ",\n".join(f"{name} AS ({query})" for name, query in parts.items()) + _DAYS


_OF_RECORDERS = _summaries(
    "AND t.recorder_id = owner AND t.exit_time >= begins AND t.exit_time < ends",
    "AND p.recorder_id = owner",
)
_OF_USERS = _summaries(
    f"AND {CLOSED} >= begins AND {CLOSED} < ends JOIN recorders r ON r.id = t.recorder_id AND r.user_id = owner",
    "JOIN recorders r ON r.id = p.recorder_id AND r.user_id = owner",
)


def day_queries(stretches: Collection[Stretch]) -> Iterator[tuple[str, dict[str, object]]]:
    """Give the queries of what the days in some stretches came to, with their parameters: a row a day and currency."""
    users = [(each, each.user_id) for each in stretches if each.recorder_id is None]
    recorders = [(each, each.recorder_id) for each in stretches if each.recorder_id is not None]
    for query, owned in ((_OF_USERS, users), (_OF_RECORDERS, recorders)):
        if owned:
            yield (
                query,
                {
                    "scopes": [each.scope_id for each, _ in owned],
                    "owners": [owner for _, owner in owned],
                    "begins": [each.begins for each, _ in owned],
                    "ends": [each.ends for each, _ in owned],
                    "first": min(each.begins for each, _ in owned),
                    "last": max(each.ends for each, _ in owned),
                },
            )


# In which days a leg began that is under way, so that what they came to is not over.
UNDER_WAY = f"""
    SELECT scope.id AS scope_id, {DAY.format(at=f"({STARTED})")} AS day
    FROM recorder_positions p
    JOIN result_scopes scope ON scope.recorder_id = p.recorder_id
    WHERE p.status = 'open'
    UNION ALL
    SELECT scope.id, {DAY.format(at=f"({STARTED})")}
    FROM recorder_positions p
    JOIN recorders r ON r.id = p.recorder_id
    JOIN result_scopes scope ON scope.user_id = r.user_id AND scope.recorder_id IS NULL
    WHERE p.status = 'open'
"""
