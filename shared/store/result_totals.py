"""Adds settled days up to one total for each scope and currency, as far as no day is missing between them.

A total reads like one long day (`shared.domain.result_days`), with which a sum over days can begin.
"""

from sqlalchemy import Connection, text

from shared.store.tables import result_totals

SCOPES_A_PIECE = 2000


def add_up_piece(connection: Connection) -> bool:
    """Add settled days to the totals of some scopes; returns whether there may be more of them."""
    ids = connection.execute(_BEHIND, {"most": SCOPES_A_PIECE}).scalars().all()
    for statement in (LOCK, _ADD_UP, _ADVANCE) if ids else ():
        connection.execute(statement, {"ids": ids})
    return bool(ids)


# A total reaches to the day before the first that is not settled.
_REACH = """
    least(settled_through, (SELECT min(day) FROM unsettled_days WHERE scope_id = scope.id) - 1)
"""
_BEHIND = text(
    f"""
    SELECT id FROM result_scopes scope WHERE settled_through IS NOT NULL
      AND (total_through IS NULL OR total_through < settled_through)
      AND coalesce(total_through, '-infinity') < {_REACH}
    LIMIT :most
    """
)
# Scopes are locked in one order by whoever writes into days, and by who settles them: recorders first.
LOCKED_IN = "recorder_id IS NULL, recorder_id, user_id"
LOCK = text(f"SELECT FROM result_scopes WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY {LOCKED_IN} FOR UPDATE")
_COLUMNS = [column.name for column in result_totals.columns]
_ADD_UP = text(
    f"""
    WITH scopes AS (
        SELECT id, total_through, {_REACH} AS reach FROM result_scopes scope WHERE id = ANY(CAST(:ids AS bigint[]))
    ),
    days AS (
        SELECT {", ".join(_COLUMNS)} FROM result_totals WHERE scope_id = ANY(CAST(:ids AS bigint[]))
        UNION ALL
        SELECT {", ".join(_COLUMNS)} FROM result_days JOIN scopes ON scopes.id = scope_id
        WHERE day > coalesce(total_through, '-infinity') AND day <= reach
    ),
    course AS (
        SELECT *, coalesce(sum(won - lost) OVER before, 0) AS equity, coalesce(sum(low_change) OVER before, 0) AS low,
            coalesce(sum(booked_change) OVER before, 0) AS booked, coalesce(sum(open_change) OVER before, 0) AS open
        FROM days
        WINDOW before AS (
            PARTITION BY scope_id, currency ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    ),
    peaks AS (
        SELECT *, greatest(0, max(equity + equity_high) OVER before) AS equity_peak,
            greatest(0, max(booked + booked_high) OVER before) AS peak
        FROM course
        WINDOW before AS (
            PARTITION BY scope_id, currency ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    ),
    falls AS (SELECT *, booked - low + fall AS own_fall, peak - (low + low_lowest) AS fall_since_before FROM peaks)
    INSERT INTO result_totals ({", ".join(_COLUMNS)})
    SELECT scope_id, currency, max(day), sum(trades), sum(wins), sum(won), sum(lost),
        max(equity + equity_high), min(equity + equity_low),
        max(greatest(equity_fall, equity_peak - (equity + equity_low))), max(last_closed_at),
        sum(low_change), min(low + low_lowest), (array_agg(open + open_at_lowest ORDER BY low + low_lowest, day))[1],
        sum(booked_change), max(booked + booked_high), max(greatest(own_fall, fall_since_before)),
        (array_agg(
            open + CASE WHEN own_fall >= fall_since_before THEN open_at_fall ELSE open_at_lowest END
            ORDER BY greatest(own_fall, fall_since_before) DESC, day
        ))[1],
        sum(open_change), sum(gaps), max(longest_gap_seconds), sum(unseen)
    FROM falls GROUP BY scope_id, currency
    ON CONFLICT (scope_id, currency) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:])}
    """
)
_ADVANCE = text(f"UPDATE result_scopes scope SET total_through = {_REACH} WHERE id = ANY(CAST(:ids AS bigint[]))")
