"""Rows as the workers leave them, for tests of what reads them: trades of a made-up market, the same every time."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, update

from shared.domain.recorder_settings import parse_recorder_settings
from shared.store.contracts import contracts_in_force
from shared.store.recorders import create_recorder
from shared.store.settling import unsettle_positions
from shared.store.tables import (
    position_legs,
    recorded_signals,
    recorded_trades,
    recorder_positions,
    recorders,
    users,
)
from shared.store.users import create_user
from shared.tokens import TokenCipher

SECRET = "0123456789abcdef" * 2
PASSWORD = "a long password"
MARKETS = {"MNQ1!": (Decimal("25600.00"), 8), "MES1!": (Decimal("6950.25"), 4), "MGC1!": (Decimal("4080.1"), 3)}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A user with a recorder, and how rows are added to it."""

    connection: Connection
    user_id: int
    recorder_id: int
    settings_id: int

    def contract(self, ticker: str) -> Json:
        root = ticker.removesuffix("1!")
        held = contracts_in_force(self.connection, self.user_id)
        return {"id": held.ids[root], "contract": held.by_root[root]}

    def signal(self, **changes: Any) -> int:
        """Add a signal that was recorded 40 ms after it came in."""
        received_at = changes.get("received_at", datetime(2026, 11, 20, 15, 0, tzinfo=UTC))
        values: Json = {
            "user_id": self.user_id,
            "recorder_id": self.recorder_id,
            "settings_id": self.settings_id,
            "action": "BUY",
            "ticker": "MNQ1!",
            "price": Decimal("25600.25"),
            "signal_type": "alert",
            "raw_data": b'{"action": "buy", "ticker": "MNQ1!", "price": "25600.25"}',
            "status": "recorded",
            "occurred_at": received_at - timedelta(milliseconds=730),
            "received_at": received_at,
            "recorded_at": received_at + timedelta(milliseconds=40),
            **changes,
        }
        if values["ticker"] in MARKETS:
            values.setdefault("contract_id", self.contract(values["ticker"])["id"])
        if values["recorder_id"] is not None:
            values.setdefault("sequence", self._next_sequence(values["recorder_id"]))
        return self._add(recorded_signals, values)

    def _next_sequence(self, recorder_id: int) -> int:
        highest = func.coalesce(func.max(recorded_signals.c.sequence), 0)
        statement = select(highest + 1).where(recorded_signals.c.recorder_id == recorder_id)
        number: int = self.connection.execute(statement).scalar_one()
        return number

    def position(self, *, ticker: str = "MNQ1!", side: str = "LONG", **changes: Any) -> int:
        """Add an open position of one lot of two contracts."""
        entry = changes.pop("entry_price", MARKETS[ticker][0])
        opened_at = changes.get("opened_at", datetime(2026, 11, 20, 15, 0, tzinfo=UTC))
        quantity = changes.get("total_quantity", 2)
        lot = {"number": 1, "quantity": quantity, "entry_price": str(entry), "entered_at": _ns(opened_at)}
        lot |= {"lowest": str(entry), "highest": str(entry), "ticks_before": 0, "gap_seconds": "0", "signal_id": None}
        values: Json = {
            "recorder_id": self.recorder_id,
            "contract_id": self.contract(ticker)["id"],
            "ticker": ticker,
            "side": side,
            "total_quantity": quantity,
            "max_quantity": max(quantity, 1),
            "avg_entry_price": entry,
            "entries": [lot],
            "exit_plan": {
                "rules": {},
                "basis": {"price": str(entry), "value": str(entry * quantity), "quantity": quantity},
            },
            "totals": {"leg": 1, "leg_started_at": _ns(opened_at)},
            "current_price": entry,
            "unrealized_pnl": Decimal(0),
            "worst_unrealized_pnl": Decimal(0),
            "best_unrealized_pnl": Decimal(0),
            "worst_price": entry,
            "worst_at": opened_at,
            "best_at": opened_at,
            "lowest_since_fill": entry,
            "highest_since_fill": entry,
            "realized_pnl": Decimal(0),
            "ticks_seen": 12,
            "gap_seconds": Decimal(0),
            "status": "open",
            "opened_at": opened_at,
            "place": 0,
            "version": 1,
            **changes,
        }
        return self._add(recorder_positions, values)

    def trade(self, position_id: int, *, side: str = "LONG", ticker: str = "MNQ1!", **changes: Any) -> int:
        """Add an open trade of two contracts."""
        entry = changes.get("entry_price", MARKETS[ticker][0])
        values: Json = {
            "recorder_id": self.recorder_id,
            "position_id": position_id,
            "lot": 1,
            "ticker": ticker,
            "action": "BUY" if side == "LONG" else "SELL",
            "side": side,
            "entry_price": entry,
            "entry_time": datetime(2026, 11, 20, 15, 0, tzinfo=UTC),
            "quantity": 2,
            "status": "open",
            "max_favorable": Decimal(0),
            "max_adverse": Decimal(0),
            "worst_price": entry,
            "ticks_seen": 12,
            "gap_seconds": Decimal(0),
            **changes,
        }
        return self._add(recorded_trades, values)

    def closed(self, *, pnl: Decimal, worst: Decimal, exit_time: datetime, **changes: Any) -> int:
        """Add a closed position of one trade of one contract, with its leg and the signal that opened it."""
        ticker, side = changes.pop("ticker", "MNQ1!"), changes.pop("side", "LONG")
        contract = self.contract(ticker)["contract"]
        direction = 1 if side == "LONG" else -1
        entry_time = exit_time - changes.pop("held", timedelta(minutes=7, seconds=31))
        entry = changes.pop("entry_price", MARKETS[ticker][0])
        exit_price = entry + direction * pnl / contract.multiplier
        worst_price = entry + direction * worst / contract.multiplier
        best = max(pnl, Decimal(0)) + contract.tick_value
        ticks, gap = changes.pop("ticks_seen", 412), changes.pop("gap_seconds", Decimal(0))
        signal_id = self.signal(action="BUY" if side == "LONG" else "SELL", ticker=ticker, received_at=entry_time)
        position_id = self.position(
            ticker=ticker,
            side=side,
            entry_price=entry,
            total_quantity=0,
            entries=[],
            worst_unrealized_pnl=worst,
            best_unrealized_pnl=best,
            worst_price=worst_price,
            exit_price=exit_price,
            realized_pnl=pnl,
            status="closed",
            opened_at=entry_time,
            closed_at=exit_time,
            ticks_seen=ticks,
            gap_seconds=gap,
        )
        leg: Json = {"position_id": position_id, "number": 1, "quantity": 1, "realized_before": Decimal(0)}
        leg |= {"lowest_result": worst, "highest_result": best, "started_at": entry_time, "ended_at": exit_time}
        self.connection.execute(insert(position_legs).values(leg))
        return self.trade(
            position_id,
            side=side,
            ticker=ticker,
            signal_id=signal_id,
            entry_price=entry,
            entry_time=entry_time,
            exit_price=exit_price,
            exit_time=exit_time,
            quantity=1,
            pnl=pnl,
            pnl_ticks=pnl / contract.tick_value,
            commission=Decimal(0),
            status="closed",
            exit_reason=changes.pop("exit_reason", "signal"),
            max_favorable=best,
            max_adverse=worst,
            worst_price=worst_price,
            ticks_seen=ticks,
            gap_seconds=gap,
            **changes,
        )

    def _add(self, table: Table, values: Json) -> int:
        added: int = self.connection.execute(insert(table).values(values).returning(table.c.id)).scalar_one()
        if table in {recorder_positions, recorded_trades}:  # as whoever writes into days that are over
            unsettle_positions(self.connection, [values.get("position_id", added)])
        return added


def add_user(connection: Connection, name: str, timezone: str = "America/New_York") -> int:
    """Add a user whose password is PASSWORD."""
    user_id = create_user(connection, name, PASSWORD, TokenCipher(SECRET)).user.id
    connection.execute(update(users).where(users.c.id == user_id).values(timezone=timezone))
    return user_id


def add_recorder(connection: Connection, user_id: int, name: str, **settings: Any) -> Rows:
    """Add a recorder to a user."""
    recorder, _ = create_recorder(
        connection, user_id, parse_recorder_settings({"name": name, **settings}), TokenCipher(SECRET)
    )
    return Rows(connection=connection, user_id=user_id, recorder_id=recorder.id, settings_id=recorder.settings_id)


def add_history(rows: Rows, ticker: str, *, trades: int, until: datetime, seed: int) -> None:
    """Add closed trades, one after another, with results as a strategy with a slight edge has them."""
    chance = random.Random(seed)
    price, tick_ticks = MARKETS[ticker]
    contract = rows.contract(ticker)["contract"]
    moment = until - timedelta(minutes=47 * trades)
    for number in range(trades):
        moment += timedelta(minutes=chance.randint(12, 80), milliseconds=chance.randint(0, 999))
        price += chance.randint(-40, 42) * contract.tick_size
        won = chance.random() < 0.56
        pnl = chance.randint(2, 12) * tick_ticks * contract.tick_value * (1 if won else -1)
        worst = min(pnl, Decimal(0)) - chance.randint(0, 9) * contract.tick_value
        rows.closed(
            ticker=ticker,
            side=chance.choice(["LONG", "SHORT"]),
            entry_price=price,
            pnl=pnl,
            worst=worst,
            exit_time=min(moment, until),
            held=timedelta(seconds=chance.randint(1, 3000), milliseconds=chance.randint(0, 999)),
            exit_reason=chance.choice(["tp", "signal"]) if won else chance.choice(["sl", "signal", "reversal"]),
            ticks_seen=0 if number % 29 == 7 else chance.randint(3, 4000),
            gap_seconds=Decimal("51.25") if number % 31 == 5 else Decimal(0),
        )
    seen = rows.connection.execute(
        select(recorded_signals.c.id).where(recorded_signals.c.recorder_id == rows.recorder_id)
    )
    rows.connection.execute(
        update(recorders).where(recorders.c.id == rows.recorder_id).values(signal_count=len(seen.all()))
    )


def _ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000
