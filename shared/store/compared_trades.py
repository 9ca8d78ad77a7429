"""A recorder's trades as they are laid beside TradingView's; comparing them is not done here."""

from collections.abc import Iterator

from sqlalchemy import Connection

from shared.domain.timestamps import from_datetime
from shared.domain.trade_comparison import RecordedTrade
from shared.domain.trades import LONG, SHORT
from shared.store.trade_list import TradeFilter, TradeRow, list_trades

PAGE = 1000


def load_recorded_trades(
    connection: Connection, user_id: int, recorder_id: int, ticker: str | None = None
) -> list[RecordedTrade]:
    """Load the trades of one of the user's recorders, of one symbol or of all, in order of entry."""
    wanted = TradeFilter(recorder_id=recorder_id, ticker=ticker)
    return [_compared(row) for row in _rows(connection, user_id, wanted)]


def _rows(connection: Connection, user_id: int, wanted: TradeFilter) -> Iterator[TradeRow]:
    cursor = None
    while True:
        page = list_trades(connection, user_id, wanted, sort="opened", cursor=cursor, limit=PAGE)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _compared(row: TradeRow) -> RecordedTrade:
    return RecordedTrade(
        id=row.id,
        symbol=row.ticker,
        direction=LONG if row.side == "LONG" else SHORT,
        quantity=row.quantity,
        entry_price=row.entry_price,
        entered_at=from_datetime(row.entry_time),
        exit_price=row.exit_price,
        exited_at=None if row.exit_time is None else from_datetime(row.exit_time),
        pnl=row.pnl if row.status == "closed" else None,
        run_up=row.max_favorable,
        drawdown=-row.max_adverse,
        incomplete=row.gap_seconds > 0 or row.ticks_seen == 0,
        currency=row.currency,
    )
