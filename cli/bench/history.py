"""A year of trading in Postgres, made by Postgres: a million trades of thousands of recorders within a minute."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import text

from cli.bench.stand import Stand
from shared.store.database import Connection, connect_database

DAYS = 300
PATIENCE_MS = 300_000


def add_histories(stand: Stand, positions: Mapping[str, int], *, held: int) -> None:
    """Give users' recorders closed positions, so many by user; every fourth one closed in two trades.

    A few recorders have most of it, as it is in life. Closed positions lie within the last DAYS days, the `held` ones
    of each user were opened within the last minutes.
    """
    with _patient(stand) as connection, connection.begin():
        # Rows that are made from each other refer to each other rightly; checking every one takes half of the time.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("SELECT setseed(0.5)"))
        with _indexed_afterwards(connection):
            for user, count in positions.items():
                facts = {"user": user, "positions": count, "held": held, "days": DAYS}
                for statement in (_RECORDERS, _KNOW, _CLOSED, _OPEN, _KNOW_POSITIONS, *_OF_POSITIONS, _FORGET):
                    connection.execute(text(statement), facts)
    with _patient(stand, statements_commit=True) as connection:
        connection.execute(text("VACUUM (ANALYZE)"))  # what autovacuum does where rows come by and by


@contextmanager
def _indexed_afterwards(connection: Connection) -> Iterator[None]:
    """Drop the indexes of the large tables, and build them at the end: much sooner done than row by row."""
    indexes = connection.execute(text(_INDEXES)).all()
    for index in indexes:
        connection.execute(text(f"DROP INDEX {index.indexname}"))
    yield
    for index in indexes:
        connection.execute(text(index.indexdef.replace(":", "\\:")))


@contextmanager
def _patient(stand: Stand, *, statements_commit: bool = False) -> Iterator[Connection]:
    engine = connect_database(
        stand.settings.database_url,
        application="bench-history",
        pool_size=1,
        patience_ms=PATIENCE_MS,
        statements_commit=statements_commit,
    )
    with engine.connect() as connection:
        yield connection
    engine.dispose()


_INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes
    WHERE tablename IN ('recorder_positions', 'recorded_trades', 'position_legs', 'recorded_signals')
      AND indexname NOT IN (SELECT conname FROM pg_constraint)
"""
_RECORDERS = """
    CREATE TEMPORARY TABLE chosen AS
    SELECT row_number() OVER (ORDER BY id) - 1 AS number, id,
        (SELECT id FROM contracts WHERE root = 'MNQ' AND user_id IS NULL) AS contract_id
    FROM recorders WHERE user_id = (SELECT id FROM users WHERE name = :user)
"""
_COLUMNS = """
    recorder_id, contract_id, ticker, side, total_quantity, max_quantity, avg_entry_price, entries, exit_plan, totals,
    current_price, unrealized_pnl, worst_unrealized_pnl, best_unrealized_pnl, worst_price, worst_at, best_at,
    lowest_since_fill, lowest_since_fill_at, highest_since_fill, highest_since_fill_at, exit_price, realized_pnl,
    ticks_seen, gap_seconds, status, opened_at, closed_at, place, version
"""
# The recorder of a random number is that of its cube: the first hundredth of them has a fifth of everything.
_CLOSED = f"""
    INSERT INTO recorder_positions ({_COLUMNS})
    SELECT chosen.id, contract_id, 'MNQ1!', CASE WHEN drawn.number % 2 = 0 THEN 'LONG' ELSE 'SHORT' END, 0, 2,
        20000, '[]', '{{}}', '{{}}', 20000, 0, -10 - floor(drawn.a * 200), 10 + floor(drawn.b * 200), 19990,
        drawn.opened_at, drawn.opened_at, 19990, drawn.opened_at, 20010, drawn.opened_at, 20001,
        floor((drawn.a - 0.49) * 400) / 2, 100, 0, 'closed', drawn.opened_at,
        drawn.opened_at + drawn.b * interval '50 minutes', drawn.made, 1
    FROM (
        SELECT made, random() AS a, random() AS b,
            CAST(floor((SELECT count(*) FROM chosen) * random() ^ 3) AS bigint) AS number,
            now() - interval '1 hour' - :days * interval '1 day' * (1 - CAST(made AS float) / :positions) AS opened_at
        FROM generate_series(1, :positions) AS made
    ) drawn
    JOIN chosen ON chosen.number = drawn.number
"""
_OPEN = f"""
    INSERT INTO recorder_positions ({_COLUMNS})
    SELECT id, contract_id, 'MNQ1!', 'LONG', 1, 1, 20000,
        jsonb_build_array(jsonb_build_object('number', 1, 'quantity', 1, 'entry_price', '20000', 'lowest', '20000',
            'highest', '20000', 'entered_at', CAST(extract(epoch FROM at) * 1000000000 AS bigint), 'ticks_before', 0,
            'gap_seconds', '0', 'rolled', '0', 'signal_id', null)),
        '{{"rules": {{}}, "basis": {{"price": "20000", "value": "20000", "quantity": 1}}}}',
        jsonb_build_object('entered_quantity', 1, 'entered_value', '20000', 'exited_value', '0', 'lots_entered', 1,
            'leg', 1, 'leg_started_at', CAST(extract(epoch FROM at) * 1000000000 AS bigint)),
        20003, 6, -20, 40, 19990, at, at, 19990, at, 20020, at, null, 0, 100, 0, 'open', at, null, 1, 1
    FROM (SELECT *, now() - interval '1 second' * number AS at FROM chosen WHERE number < :held) held
"""
_TRADES = """
    INSERT INTO recorded_trades (
        recorder_id, position_id, lot, ticker, action, side, entry_price, entry_time, exit_price, exit_time, quantity,
        pnl, pnl_ticks, commission, status, exit_reason, max_favorable, max_adverse, worst_price,
        ticks_seen, gap_seconds
    )
    SELECT recorder_id, p.id, part, ticker, CASE side WHEN 'LONG' THEN 'BUY' ELSE 'SELL' END, side,
        avg_entry_price, opened_at, exit_price,
        CASE WHEN part = parts THEN closed_at ELSE opened_at + (closed_at - opened_at) / 2 END, 1,
        CASE WHEN parts = 1 THEN realized_pnl WHEN part = 1 THEN realized_pnl + 5 ELSE -5 END, 10, 0, 'closed',
        (ARRAY['tp', 'sl', 'signal', 'trail'])[1 + p.id % 4], best_unrealized_pnl, worst_unrealized_pnl, worst_price,
        ticks_seen, gap_seconds
    FROM (SELECT *, CASE WHEN id % 4 = 0 THEN 2 ELSE 1 END AS parts FROM recorder_positions) p
    JOIN chosen ON chosen.id = recorder_id, LATERAL generate_series(1, parts) part
    WHERE status = 'closed'
"""
_OPEN_TRADES = """
    INSERT INTO recorded_trades (
        recorder_id, position_id, lot, ticker, action, side, entry_price, entry_time, quantity, status, max_favorable,
        max_adverse, worst_price, ticks_seen, gap_seconds
    )
    SELECT recorder_id, p.id, 1, ticker, 'BUY', side, avg_entry_price, opened_at, 1, 'open', 0, 0, 20000, 0, 0
    FROM recorder_positions p JOIN chosen ON chosen.id = recorder_id WHERE status = 'open'
"""
_LEGS = """
    INSERT INTO position_legs (
        position_id, number, quantity, realized_before, lowest_result, highest_result, started_at, ended_at
    )
    SELECT p.id, part, 1, CASE part WHEN 1 THEN 0 ELSE realized_pnl + 5 END,
        CASE part WHEN 1 THEN worst_unrealized_pnl ELSE least(realized_pnl - 10, realized_pnl + 5) END,
        greatest(best_unrealized_pnl, realized_pnl + 5),
        CASE WHEN part = 1 THEN opened_at ELSE opened_at + (closed_at - opened_at) / 2 END,
        CASE WHEN part = parts THEN closed_at ELSE opened_at + (closed_at - opened_at) / 2 END
    FROM (SELECT *, CASE WHEN id % 4 = 0 THEN 2 ELSE 1 END AS parts FROM recorder_positions) p
    JOIN chosen ON chosen.id = recorder_id, LATERAL generate_series(1, parts) part
    WHERE status = 'closed'
"""
_SIGNALS = """
    INSERT INTO recorded_signals (
        user_id, recorder_id, settings_id, contract_id, action, ticker, signal_type, raw_data, status, place,
        occurred_at, received_at, recorded_at, sequence
    )
    SELECT r.user_id, r.id, r.settings_id, p.contract_id, 'buy', p.ticker, 'alert', '{"action": "buy"}', 'recorded',
        p.place, p.opened_at, p.opened_at, p.opened_at, p.id
    FROM recorder_positions p JOIN chosen ON chosen.id = p.recorder_id JOIN recorders r ON r.id = p.recorder_id
    WHERE p.id % 8 = 0 OR p.status = 'open' ORDER BY p.opened_at
"""
_KNOW = "ANALYZE chosen"
_KNOW_POSITIONS = "ANALYZE recorder_positions"
_OF_POSITIONS = (_TRADES, _OPEN_TRADES, _LEGS, _SIGNALS)
_FORGET = "DROP TABLE chosen"
